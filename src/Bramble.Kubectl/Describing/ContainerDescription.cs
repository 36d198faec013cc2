using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>The containers of a pod (with their status) or of a pod template (without), as kubectl describes them.</summary>
internal static class ContainerDescription
{
    /// <param name="pod">The pod, of which fieldRefs show the value; null for a template.</param>
    /// <param name="space">How far a template is indented below its owner; empty for a pod.</param>
    public static void Write(TabbedText text, string title, JsonArray containers, JsonArray? statuses, JsonObject? pod, string space)
    {
        text.Line(0, $"{space}{title}:{(containers.Count == 0 ? " <none>" : "")}");
        foreach (var container in containers.OfType<JsonObject>())
        {
            var name = (string?)container["name"];
            var status = statuses?.FirstOrDefault(s => (string?)s?["name"] == name);
            text.Line(1, $"{(space.Length > 0 ? " " : "")}{name}:");
            if (status is not null) text.Line(2, $"Container ID:\t{(string?)status["containerID"]}");
            text.Line(2, $"Image:\t{(string?)container["image"]}");
            if (status is not null) text.Line(2, $"Image ID:\t{(string?)status["imageID"]}");
            Ports(text, "Port", container, "containerPort");
            Ports(text, "Host Port", container, "hostPort");
            Seccomp(text, 2, 3, container["securityContext"]);
            Words(text, "Command", container["command"]);
            Words(text, "Args", container["args"]);
            if (status is not null)
            {
                State(text, "State", status["state"] as JsonObject);
                if (status["lastState"]?["terminated"] is not null) State(text, "Last State", status["lastState"] as JsonObject);
                text.Line(2, $"Ready:\t{((bool?)status["ready"] == true ? "True" : "False")}");
                text.Line(2, $"Restart Count:\t{status["restartCount"]}");
            }
            Resources(text, 2, container["resources"]);
            foreach (var probe in (string[])["livenessProbe", "readinessProbe", "startupProbe"])
                if (container[probe] is JsonObject described) text.Line(2, $"{char.ToUpperInvariant(probe[0])}{probe[1..^5]}:\t{Probe(described)}");
            EnvironmentSources(text, container["envFrom"] as JsonArray);
            Environment(text, container, pod);
            Mounts(text, container);
        }
    }

    /// <summary>Limits and requests, of a container or a whole pod.</summary>
    public static void Resources(TabbedText text, int level, JsonNode? resources)
    {
        foreach (var (title, field) in ((string, string)[])[("Limits", "limits"), ("Requests", "requests")])
        {
            if (resources?[field] is not JsonObject { Count: > 0 } map) continue;
            text.Line(level, $"{title}:");
            foreach (var (name, quantity) in map.OrderBy(p => p.Key, StringComparer.Ordinal)) text.Line(level + 1, $"{name}:\t{quantity}");
        }
    }

    public static void Seccomp(TabbedText text, int level, int profileLevel, JsonNode? securityContext)
    {
        if (securityContext?["seccompProfile"] is not { } profile) return;
        text.Line(level, $"SeccompProfile:\t{(string?)profile["type"]}");
        if ((string?)profile["type"] == "Localhost") text.Line(profileLevel, $"LocalhostProfile:\t{(string?)profile["localhostProfile"]}");
    }

    private static void Ports(TabbedText text, string title, JsonObject container, string field)
    {
        var ports = (container["ports"] as JsonArray ?? []).Select(p => $"{(long?)p?[field] ?? 0}/{(string?)p?["protocol"]}{((string?)p?["name"] is { Length: > 0 } n ? $" ({n})" : "")}").ToList();
        text.Line(2, $"{title}{(ports.Count > 1 ? "s" : "")}:\t{(ports.Count > 0 ? string.Join(", ", ports) : "<none>")}");
    }

    private static void Words(TabbedText text, string title, JsonNode? words)
    {
        if (words is not JsonArray { Count: > 0 } list) return;
        text.Line(2, $"{title}:");
        foreach (var word in list)
            foreach (var line in (word?.ToString() ?? "").Split('\n')) text.Line(3, line);
    }

    private static void State(TabbedText text, string title, JsonObject? state)
    {
        if (state?["running"] is { } running)
        {
            text.Line(2, $"{title}:\tRunning");
            text.Line(3, $"Started:\t{FieldDescription.Time((string?)running["startedAt"])}");
        }
        else if (state?["terminated"] is { } terminated)
        {
            text.Line(2, $"{title}:\tTerminated");
            if ((string?)terminated["reason"] is { Length: > 0 } reason) text.Line(3, $"Reason:\t{reason}");
            if ((string?)terminated["message"] is { Length: > 0 } message) text.Line(3, $"Message:\t{message}");
            text.Line(3, $"Exit Code:\t{terminated["exitCode"]}");
            if ((long?)terminated["signal"] is > 0) text.Line(3, $"Signal:\t{terminated["signal"]}");
            text.Line(3, $"Started:\t{FieldDescription.Time((string?)terminated["startedAt"])}");
            text.Line(3, $"Finished:\t{FieldDescription.Time((string?)terminated["finishedAt"])}");
        }
        else
        {
            text.Line(2, $"{title}:\tWaiting");
            if ((string?)state?["waiting"]?["reason"] is { Length: > 0 } reason) text.Line(3, $"Reason:\t{reason}");
        }
    }

    private static void EnvironmentSources(TabbedText text, JsonArray? sources)
    {
        if (sources is not { Count: > 0 }) return;
        text.Line(2, "Environment Variables from:");
        foreach (var source in sources)
        {
            var isMap = source?["configMapRef"] is not null;
            var reference = isMap ? source!["configMapRef"] : source?["secretRef"];
            var kind = (isMap ? "ConfigMap" : "Secret") + ((string?)source?["prefix"] is { Length: > 0 } prefix ? $" with prefix '{prefix}'" : "");
            text.Line(3, $"{(string?)reference?["name"]}\t{kind}\tOptional: {FieldDescription.Lower((bool?)reference?["optional"])}");
        }
    }

    private static void Environment(TabbedText text, JsonObject container, JsonObject? pod)
    {
        if (container["env"] is not JsonArray { Count: > 0 } variables)
        {
            text.Line(2, "Environment:\t<none>");
            return;
        }
        text.Line(2, "Environment:");
        foreach (var variable in variables)
        {
            var name = (string?)variable?["name"];
            if (variable?["valueFrom"] is not { } from)
            {
                var lines = ((string?)variable?["value"] ?? "").Split('\n');
                text.Line(3, $"{name}:\t{lines[0]}");
                foreach (var more in lines[1..]) text.Line(3, $"\t{more}");
            }
            else if (from["fieldRef"] is { } field)
            {
                text.Line(3, $"{name}:\t{FieldOf(pod, (string?)field["fieldPath"] ?? "")} ({(string?)field["apiVersion"] ?? "v1"}:{(string?)field["fieldPath"]})");
            }
            else if (from["resourceFieldRef"] is { } resource)
            {
                text.Line(3, $"{name}:\t{ResourceOf(container, resource)} ({(string?)resource["resource"]})");
            }
            else if (from["secretKeyRef"] is { } secret)
            {
                text.Line(3, $"{name}:\t<set to the key '{(string?)secret["key"]}' in secret '{(string?)secret["name"]}'>\tOptional: {FieldDescription.Lower((bool?)secret["optional"])}");
            }
            else if (from["configMapKeyRef"] is { } map)
            {
                text.Line(3, $"{name}:\t<set to the key '{(string?)map["key"]}' of config map '{(string?)map["name"]}'>\tOptional: {FieldDescription.Lower((bool?)map["optional"])}");
            }
        }
    }

    /// <summary>The pod's field that a variable shows (downward API).</summary>
    private static string FieldOf(JsonObject? pod, string path)
    {
        if (pod is null) return "";
        if (path.EndsWith("']", StringComparison.Ordinal) && path.IndexOf("['", StringComparison.Ordinal) is > 0 and var bracket)
            return (string?)pod["metadata"]?[path["metadata.".Length..bracket]]?[path[(bracket + 2)..^2]] ?? "";
        JsonNode? found = pod;
        foreach (var part in path.Split('.')) found = (found as JsonObject)?[part];
        return found switch
        {
            JsonObject map => string.Join('\n', map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}=\"{p.Value}\"")),
            null => "",
            _ => found.ToString(),
        };
    }

    /// <summary>The container's request or limit in the unit asked for, rounded up.</summary>
    private static string ResourceOf(JsonObject container, JsonNode reference)
    {
        var (kind, name) = ((string?)reference["resource"] ?? "").Split('.', 2) is [var first, var second] ? (first, second) : ("", "");
        var value = Quantity.TryParse((string?)container["resources"]?[kind]?[name] ?? "0", out var quantity, out _) ? quantity.ToDouble() : 0;
        if (value == 0 && kind == "limits" && name is "cpu" or "memory") return "node allocatable";
        var divisor = Quantity.TryParse((string?)reference["divisor"] ?? "1", out var given, out _) && !given.IsZero ? given.ToDouble() : 1;
        return ((long)Math.Ceiling(value / divisor)).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    private static string Probe(JsonObject probe)
    {
        var limits = $"delay={(long?)probe["initialDelaySeconds"] ?? 0}s timeout={(long?)probe["timeoutSeconds"] ?? 1}s period={(long?)probe["periodSeconds"] ?? 10}s "
            + $"#success={(long?)probe["successThreshold"] ?? 1} #failure={(long?)probe["failureThreshold"] ?? 3}";
        if (probe["exec"] is { } exec) return $"exec [{string.Join(' ', (exec["command"] as JsonArray ?? []).Select(w => w?.ToString()))}] {limits}";
        if (probe["httpGet"] is { } http)
            return $"http-get {((string?)http["scheme"] ?? "HTTP").ToLowerInvariant()}://{(string?)http["host"] ?? ""}:{http["port"]}{(string?)http["path"]} {limits}";
        if (probe["tcpSocket"] is { } tcp) return $"tcp-socket {(string?)tcp["host"] ?? ""}:{tcp["port"]} {limits}";
        return $"grpc <pod>:{probe["grpc"]?["port"]} {(string?)probe["grpc"]?["service"]} {limits}";
    }

    private static void Mounts(TabbedText text, JsonObject container)
    {
        var mounts = container["volumeMounts"] as JsonArray ?? [];
        text.Line(2, mounts.Count > 0 ? "Mounts:" : "Mounts:\t<none>");
        foreach (var mount in mounts.OrderBy(m => (string?)m?["mountPath"], StringComparer.Ordinal))
            text.Line(3, $"{(string?)mount?["mountPath"]} from {(string?)mount?["name"]} ({((bool?)mount?["readOnly"] == true ? "ro" : "rw")}{((string?)mount?["subPath"] is { Length: > 0 } path ? $",path=\"{path}\"" : "")})");
        if (container["volumeDevices"] is not JsonArray { Count: > 0 } devices) return;
        text.Line(2, mounts.Count > 0 ? "Devices:" : "Devices:\t<none>");
        foreach (var device in devices.OrderBy(d => (string?)d?["devicePath"], StringComparer.Ordinal)) text.Line(3, $"{(string?)device?["devicePath"]} from {(string?)device?["name"]}");
    }
}
