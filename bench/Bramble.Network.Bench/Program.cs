using Bramble.Network.Bench;

// bench of the network, as root, in namespaces of its own; nothing of this machine is touched
//   rules    10,000 services with 5 endpoints each: a full load and the change of one endpoint, here and by nft from a file
//   packets  pod to pod and pod to service, with no rules, with those, and with as many of iptables
//   dns      answers a second
// Without words: all of them.
var parts = args.Length > 0 ? args : ["rules", "packets", "dns"];
Console.WriteLine($"{Environment.ProcessorCount} cores, kernel {Environment.OSVersion.Version}");
foreach (var part in parts)
    switch (part)
    {
        case "rules":
            RuleLoad.Measure();
            break;
        case "packets":
            Packets.Measure();
            break;
        case "dns":
            await DnsRate.MeasureAsync();
            break;
        default:
            Console.Error.WriteLine($"there is no \"{part}\": rules, packets, dns");
            return 1;
    }
return 0;
