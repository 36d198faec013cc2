using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Warnings about ports of a pod's containers that say the same or contradict each other.</summary>
internal static class PortWarnings
{
    public static void Add(JsonObject spec, FieldPath specPath, List<string> warnings)
    {
        var all = new Dictionary<(long, string), List<(FieldPath Path, JsonObject Port)>>();
        foreach (var (path, port) in Ports(spec, specPath))
        {
            var (ip, host) = (port.Text("hostIP"), port.Long("hostPort"));
            if (ip.Length > 0 && host == 0)
                warnings.Add($"{path}: hostIP set without hostPort: {{Name:{port.Text("name")} HostPort:0 ContainerPort:{port.Long("containerPort")} Protocol:{port.Text("protocol")} HostIP:{ip}}}");
            var key = (port.Long("containerPort"), port.Text("protocol"));
            if (!all.TryGetValue(key, out var others)) all[key] = others = [];
            foreach (var (other, known) in others)
            {
                var (otherIp, otherHost) = (known.Text("hostIP"), known.Long("hostPort"));
                if (ip == otherIp && host == otherHost) warnings.Add($"{path}: duplicate port definition with {other}");
                else if (host == 0 || otherHost == 0) warnings.Add($"{path}: overlapping port definition with {other}");
                else if (host == otherHost && (ip.Length == 0) != (otherIp.Length == 0)) warnings.Add($"{path}: dangerously ambiguous port definition with {other}");
            }

            others.Add((path, port));
        }

        var names = new Dictionary<string, FieldPath>(StringComparer.Ordinal);
        foreach (var (path, port) in Ports(spec, specPath))
        {
            var name = port.Text("name");
            if (name.Length == 0 || names.TryAdd(name, path)) continue;
            warnings.Add($"{path}: duplicate port name {FieldError.Quote(name)} with {names[name]}, services and probes that select ports by name will use {names[name]}");
        }
    }

    private static List<(FieldPath Path, JsonObject Port)> Ports(JsonObject spec, FieldPath path)
    {
        var ports = new List<(FieldPath, JsonObject)>();
        foreach (var list in PodDefaults.ContainerLists)
            foreach (var (index, container) in spec.Items(list))
                foreach (var (position, port) in container.Items("ports")) ports.Add((path.Child(list).Index(index).Child("ports").Index(position), port));
        return ports;
    }
}
