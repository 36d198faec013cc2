using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Network.Nftables;
using Bramble.Network.Services;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Firewalls;

/// <summary>Keeps our accepts in other people's chains, and our own tables in the kernel, whatever is reloaded or flushed. Woken by the kernel only.</summary>
internal sealed class ForeignFirewalls(NetworkConfig config, INftables nftables, Action ourTablesAreGone, TimeProvider time, ILogger logger)
{
    // A firewall's reload is many transactions; one look after the last is enough.
    private static readonly TimeSpan Calm = TimeSpan.FromMilliseconds(100);

    private readonly TaskCompletionSource _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _lastRefused = "";

    /// <summary>Done when the chains that were there at the start let pods through.</summary>
    public Task Looked => _looked.Task;

    public async Task RunAsync(CancellationToken cancel)
    {
        // Listens before the first look, so that nothing falls between.
        using var monitor = new NftablesMonitor(BaseRules.IsOurs);
        AddMissing();
        _looked.TrySetResult();
        while (true)
        {
            var change = await monitor.NextAsync(cancel);
            await Task.Delay(Calm, time, cancel);
            change = monitor.Drain(change);
            if (change.IsForeign) AddMissing();
            if (change.IsOursDeleted && !IsThere()) ourTablesAreGone();
        }
    }

    // Of each family that the cluster uses: a flush of one leaves the other.
    private bool IsThere()
    {
        var tables = JsonNode.Parse(nftables.ReadJson("list tables"))!["nftables"]!.AsArray().Select(item => item?["table"]).OfType<JsonObject>()
            .Where(table => table["name"]!.GetValue<string>() == BaseRules.Table).Select(table => table["family"]!.GetValue<string>()).ToHashSet();
        return config.ClusterCidrs.All(cidr => tables.Contains(ServiceFrontEnds.FamilyOf(cidr.BaseAddress) == IpFamily.V6 ? "ip6" : "ip"));
    }

    private void AddMissing()
    {
        // One command a transaction: a table that its owner protects must not keep us out of the others.
        foreach (var command in ForeignAccepts.Missing(Read(nftables), config.ClusterCidrs).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            try
            {
                nftables.Apply(command);
                Log.AcceptInserted(logger, command);
            }
            catch (NftablesException refused)
            {
                if (_lastRefused != command) Log.AcceptRefused(logger, command, refused.Message, string.Join(' ', config.ClusterCidrs));
                _lastRefused = command;
            }
    }

    /// <summary>All chains and rules of the machine.</summary>
    public static JsonNode Read(INftables nftables)
    {
        try
        {
            return JsonNode.Parse(nftables.ReadJson("list ruleset"), documentOptions: new JsonDocumentOptions { MaxDepth = 256 }) ?? new JsonObject();
        }
        catch (JsonException broken)
        {
            throw new NftablesException($"libnftables printed rules that are not JSON: {broken.Message}", "list ruleset", broken);
        }
    }
}
