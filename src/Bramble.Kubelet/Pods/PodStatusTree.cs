using System.Globalization;
using System.Text.Json.Nodes;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>A pod's status as the API writes it: times in whole seconds, empty fields left out, what upstream always writes written.</summary>
internal static class PodStatusTree
{
    public static JsonObject Of(V1PodStatus s)
    {
        var tree = new JsonObject();
        Set(tree, "observedGeneration", s.ObservedGeneration is > 0 ? JsonValue.Create(s.ObservedGeneration.Value) : null);
        Set(tree, "phase", s.Phase);
        Set(tree, "conditions", List(s.Conditions, Condition));
        Set(tree, "message", s.Message);
        Set(tree, "reason", s.Reason);
        Set(tree, "hostIP", s.HostIP);
        Set(tree, "hostIPs", List(s.HostIPs, i => new JsonObject { ["ip"] = i.Ip }));
        Set(tree, "podIP", s.PodIP);
        Set(tree, "podIPs", List(s.PodIPs, i => new JsonObject { ["ip"] = i.Ip }));
        Set(tree, "startTime", Time(s.StartTime));
        Set(tree, "initContainerStatuses", List(s.InitContainerStatuses, Container));
        Set(tree, "containerStatuses", List(s.ContainerStatuses, Container));
        Set(tree, "qosClass", s.QosClass);
        Set(tree, "allocatedResources", Quantities(s.AllocatedResources));
        if (s.Resources is not null) tree["resources"] = Resources(s.Resources);
        Set(tree, "ephemeralContainerStatuses", List(s.EphemeralContainerStatuses, Container));
        return tree;
    }

    public static JsonObject Condition(V1PodCondition c)
    {
        var tree = new JsonObject { ["type"] = c.Type, ["status"] = c.Status, ["lastProbeTime"] = Time(c.LastProbeTime), ["lastTransitionTime"] = Time(c.LastTransitionTime) };
        if (c.ObservedGeneration is > 0) tree["observedGeneration"] = c.ObservedGeneration.Value;
        Set(tree, "reason", c.Reason);
        Set(tree, "message", c.Message);
        return tree;
    }

    public static JsonObject Resources(V1ResourceRequirements? r)
    {
        var tree = new JsonObject();
        Set(tree, "limits", Quantities(r?.Limits));
        Set(tree, "requests", Quantities(r?.Requests));
        return tree;
    }

    private static JsonObject Container(V1ContainerStatus c)
    {
        var tree = new JsonObject
        {
            ["name"] = c.Name,
            ["state"] = State(c.State),
            ["lastState"] = State(c.LastState),
            ["ready"] = c.Ready,
            ["restartCount"] = c.RestartCount,
            ["image"] = c.Image,
            ["imageID"] = c.ImageID ?? "",
        };
        Set(tree, "containerID", c.ContainerID);
        if (c.Started is { } started) tree["started"] = started;
        Set(tree, "allocatedResources", Quantities(c.AllocatedResources));
        if (c.Resources is { } r) tree["resources"] = Resources(r);
        Set(tree, "volumeMounts", List(c.VolumeMounts, m =>
        {
            var mount = new JsonObject { ["name"] = m.Name, ["mountPath"] = m.MountPath };
            if (m.ReadOnlyProperty == true) mount["readOnly"] = true;
            Set(mount, "recursiveReadOnly", m.RecursiveReadOnly);
            return mount;
        }));
        Set(tree, "allocatedResourcesStatus", List(c.AllocatedResourcesStatus, s => new JsonObject { ["name"] = s.Name, ["resources"] = List(s.Resources, Health) }));
        if (c.User?.Linux is { } user)
        {
            var linux = new JsonObject { ["uid"] = user.Uid, ["gid"] = user.Gid };
            Set(linux, "supplementalGroups", List(user.SupplementalGroups, g => JsonValue.Create(g ?? 0)));
            tree["user"] = new JsonObject { ["linux"] = linux };
        }
        return tree;
    }

    private static JsonNode Health(V1ResourceHealth h)
    {
        var tree = new JsonObject { ["resourceID"] = h.ResourceID, ["health"] = h.Health };
        Set(tree, "message", h.Message);
        return tree;
    }

    private static JsonObject State(V1ContainerState? s)
    {
        var tree = new JsonObject();
        if (s?.Waiting is { } waiting)
        {
            var node = new JsonObject();
            Set(node, "reason", waiting.Reason);
            Set(node, "message", waiting.Message);
            tree["waiting"] = node;
        }
        if (s?.Running is { } running) tree["running"] = new JsonObject { ["startedAt"] = Time(running.StartedAt) };
        if (s?.Terminated is { } ended)
        {
            var node = new JsonObject { ["exitCode"] = ended.ExitCode };
            if (ended.Signal is > 0) node["signal"] = ended.Signal.Value;
            Set(node, "reason", ended.Reason);
            Set(node, "message", ended.Message);
            node["startedAt"] = Time(ended.StartedAt);
            node["finishedAt"] = Time(ended.FinishedAt);
            Set(node, "containerID", ended.ContainerID);
            tree["terminated"] = node;
        }
        return tree;
    }

    private static JsonObject? Quantities(IDictionary<string, ResourceQuantity>? q)
    {
        if (q is not { Count: > 0 }) return null;
        var tree = new JsonObject();
        foreach (var (name, value) in q.OrderBy(p => p.Key, StringComparer.Ordinal)) tree[name] = value.ToString();
        return tree;
    }

    private static JsonArray? List<T>(IEnumerable<T>? items, Func<T, JsonNode> one)
    {
        if (items is null) return null;
        var list = new JsonArray();
        foreach (var item in items) list.Add(one(item));
        return list.Count == 0 ? null : list;
    }

    /// <summary>RFC 3339 in whole seconds, as metav1.Time.</summary>
    public static string? Time(DateTime? time) => time?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static void Set(JsonObject tree, string name, JsonNode? value)
    {
        if (value is JsonValue v && v.TryGetValue<string>(out var text) && text.Length == 0) return;
        if (value is not null) tree[name] = value;
    }
}
