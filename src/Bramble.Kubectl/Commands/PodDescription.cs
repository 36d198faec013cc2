using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Commands;

/// <summary>A pod, as kubectl describes it.</summary>
internal static class PodDescription
{
    public static void Write(TabbedText text, JsonObject pod)
    {
        var metadata = pod["metadata"]!;
        var spec = pod["spec"]!;
        var status = pod["status"] as JsonObject ?? [];
        text.Line(0, $"Name:\t{(string?)metadata["name"]}");
        text.Line(0, $"Namespace:\t{(string?)metadata["namespace"]}");
        if (spec["priority"] is { } priority) text.Line(0, $"Priority:\t{priority}");
        if ((string?)spec["priorityClassName"] is { Length: > 0 } priorityClass) text.Line(0, $"Priority Class Name:\t{priorityClass}");
        if ((string?)spec["serviceAccountName"] is { Length: > 0 } account) text.Line(0, $"Service Account:\t{account}");
        text.Line(0, (string?)spec["nodeName"] is { Length: > 0 } node ? $"Node:\t{node}/{(string?)status["hostIP"]}" : "Node:\t<none>");
        if ((string?)status["startTime"] is { } start) text.Line(0, $"Start Time:\t{Time(start)}");
        FieldDescription.Map(text, 0, "Labels", metadata["labels"]);
        FieldDescription.Map(text, 0, "Annotations", metadata["annotations"]);
        if ((string?)metadata["deletionTimestamp"] is { } deletion)
        {
            text.Line(0, $"Status:\tTerminating (since {deletion})");
            text.Line(0, $"Termination Grace Period:\t{metadata["deletionGracePeriodSeconds"]}s");
        }
        else
        {
            text.Line(0, $"Status:\t{(string?)status["phase"]}");
        }
        if ((string?)status["reason"] is { Length: > 0 } reason) text.Line(0, $"Reason:\t{reason}");
        if ((string?)status["message"] is { Length: > 0 } message) text.Line(0, $"Message:\t{message}");
        text.Line(0, $"IP:\t{(string?)status["podIP"] ?? ""}");
        if (status["podIPs"] is JsonArray { Count: > 0 } addresses)
        {
            text.Line(0, "IPs:");
            foreach (var address in addresses) text.Line(1, $"IP:\t{(string?)address?["ip"]}");
        }
        else
        {
            text.Line(0, "IPs:\t<none>");
        }
        var owner = (metadata["ownerReferences"] as JsonArray ?? []).FirstOrDefault(o => (bool?)o?["controller"] == true);
        if (owner is not null) text.Line(0, $"Controlled By:\t{(string?)owner["kind"]}/{(string?)owner["name"]}");
        if (spec["initContainers"] is JsonArray { Count: > 0 } inits) Containers(text, "Init Containers", inits, status["initContainerStatuses"] as JsonArray);
        Containers(text, "Containers", spec["containers"] as JsonArray ?? [], status["containerStatuses"] as JsonArray);
        if (spec["ephemeralContainers"] is JsonArray { Count: > 0 } ephemerals) Containers(text, "Ephemeral Containers", ephemerals, status["ephemeralContainerStatuses"] as JsonArray);
        if (status["conditions"] is JsonArray { Count: > 0 } conditions)
        {
            text.Line(0, "Conditions:");
            text.Line(1, "Type\tStatus");
            foreach (var condition in conditions) text.Line(1, $"{(string?)condition?["type"]} \t{(string?)condition?["status"]} ");
        }
        Volumes(text, spec["volumes"] as JsonArray);
        text.Line(0, $"QoS Class:\t{(string?)status["qosClass"]}");
        FieldDescription.Map(text, 0, "Node-Selectors", spec["nodeSelector"]);
        Tolerations(text, spec["tolerations"] as JsonArray);
    }

    private static void Containers(TabbedText text, string title, JsonArray containers, JsonArray? statuses)
    {
        text.Line(0, $"{title}:");
        foreach (var container in containers.OfType<JsonObject>())
        {
            var name = (string?)container["name"];
            var status = statuses?.FirstOrDefault(s => (string?)s?["name"] == name);
            text.Line(1, $"{name}:");
            if (status is not null) text.Line(2, $"Container ID:\t{(string?)status["containerID"]}");
            text.Line(2, $"Image:\t{(string?)container["image"]}");
            if (status is not null) text.Line(2, $"Image ID:\t{(string?)status["imageID"]}");
            var ports = (container["ports"] as JsonArray ?? []).Select(p => $"{p?["containerPort"]}/{(string?)p?["protocol"]}{((string?)p?["name"] is { Length: > 0 } n ? $" ({n})" : "")}").ToList();
            var hostPorts = (container["ports"] as JsonArray ?? []).Select(p => $"{(long?)p?["hostPort"] ?? 0}/{(string?)p?["protocol"]}{((string?)p?["name"] is { Length: > 0 } n ? $" ({n})" : "")}").ToList();
            text.Line(2, $"{(ports.Count > 1 ? "Ports" : "Port")}:\t{(ports.Count > 0 ? string.Join(", ", ports) : "<none>")}");
            text.Line(2, $"{(ports.Count > 1 ? "Host Ports" : "Host Port")}:\t{(ports.Count > 0 ? string.Join(", ", hostPorts) : "<none>")}");
            Words(text, "Command", container["command"]);
            Words(text, "Args", container["args"]);
            if (status is not null)
            {
                State(text, "State", status["state"] as JsonObject);
                if (status["lastState"] is JsonObject { Count: > 0 } last) State(text, "Last State", last);
                text.Line(2, $"Ready:\t{((bool?)status["ready"] == true ? "True" : "False")}");
                text.Line(2, $"Restart Count:\t{status["restartCount"]}");
            }
            Resources(text, "Limits", container["resources"]?["limits"]);
            Resources(text, "Requests", container["resources"]?["requests"]);
            foreach (var probe in (string[])["livenessProbe", "readinessProbe", "startupProbe"])
                if (container[probe] is JsonObject described) text.Line(2, $"{char.ToUpperInvariant(probe[0])}{probe[1..^5]}:\t{Probe(described)}");
            Environment(text, container);
            if (container["volumeMounts"] is not JsonArray { Count: > 0 } mounts)
            {
                text.Line(2, "Mounts:\t<none>");
                continue;
            }
            text.Line(2, "Mounts:");
            foreach (var mount in mounts.OrderBy(m => (string?)m?["mountPath"], StringComparer.Ordinal))
                text.Line(3, $"{(string?)mount?["mountPath"]} from {(string?)mount?["name"]} ({((bool?)mount?["readOnly"] == true ? "ro" : "rw")}{((string?)mount?["subPath"] is { Length: > 0 } path ? $",path=\"{path}\"" : "")})");
        }
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
            text.Line(3, $"Started:\t{Time((string?)running["startedAt"])}");
        }
        else if (state?["terminated"] is { } terminated)
        {
            text.Line(2, $"{title}:\tTerminated");
            if ((string?)terminated["reason"] is { Length: > 0 } reason) text.Line(3, $"Reason:\t{reason}");
            if ((string?)terminated["message"] is { Length: > 0 } message) text.Line(3, $"Message:\t{message.Trim()}");
            text.Line(3, $"Exit Code:\t{terminated["exitCode"]}");
            if ((long?)terminated["signal"] is > 0) text.Line(3, $"Signal:\t{terminated["signal"]}");
            text.Line(3, $"Started:\t{Time((string?)terminated["startedAt"])}");
            text.Line(3, $"Finished:\t{Time((string?)terminated["finishedAt"])}");
        }
        else
        {
            text.Line(2, $"{title}:\tWaiting");
            if ((string?)state?["waiting"]?["reason"] is { Length: > 0 } reason) text.Line(3, $"Reason:\t{reason}");
        }
    }

    private static void Resources(TabbedText text, string title, JsonNode? resources)
    {
        if (resources is not JsonObject { Count: > 0 } map) return;
        text.Line(2, $"{title}:");
        foreach (var (name, quantity) in map.OrderBy(p => p.Key, StringComparer.Ordinal)) text.Line(3, $"{name}:\t{quantity}");
    }

    private static void Environment(TabbedText text, JsonObject container)
    {
        foreach (var source in (container["envFrom"] as JsonArray ?? []).Take(1))
        {
            text.Line(2, "Environment Variables from:");
            foreach (var from in (JsonArray)container["envFrom"]!)
            {
                var isMap = from?["configMapRef"] is not null;
                var reference = isMap ? from!["configMapRef"] : from?["secretRef"];
                text.Line(3, $"{(string?)reference?["name"]}\t{(isMap ? "ConfigMap" : "Secret")}\tOptional: {((bool?)reference?["optional"] == true ? "true" : "false")}");
            }
        }
        if (container["env"] is not JsonArray { Count: > 0 } variables)
        {
            text.Line(2, "Environment:\t<none>");
            return;
        }
        text.Line(2, "Environment:");
        foreach (var variable in variables)
        {
            var name = (string?)variable?["name"];
            var from = variable?["valueFrom"];
            var value = from switch
            {
                null => (string?)variable?["value"] ?? "",
                _ when from["fieldRef"] is { } field => $" ({(string?)field["apiVersion"] ?? "v1"}:{(string?)field["fieldPath"]})",
                _ when from["resourceFieldRef"] is { } resource => $" ({(string?)resource["resource"]})",
                _ when from["secretKeyRef"] is { } secret => $"<set to the key '{(string?)secret["key"]}' in secret '{(string?)secret["name"]}'>\tOptional: {((bool?)secret["optional"] == true ? "true" : "false")}",
                _ when from["configMapKeyRef"] is { } map => $"<set to the key '{(string?)map["key"]}' of config map '{(string?)map["name"]}'>\tOptional: {((bool?)map["optional"] == true ? "true" : "false")}",
                _ => "",
            };
            text.Line(3, $"{name}:\t{value.Replace("\n", " ", StringComparison.Ordinal)}");
        }
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

    private static void Volumes(TabbedText text, JsonArray? volumes)
    {
        if (volumes is not { Count: > 0 })
        {
            text.Line(0, "Volumes:\t<none>");
            return;
        }
        text.Line(0, "Volumes:");
        foreach (var volume in volumes.OfType<JsonObject>())
        {
            text.Line(1, $"{(string?)volume["name"]}:");
            var (kind, source) = volume.FirstOrDefault(p => p.Key != "name");
            switch (kind)
            {
                case "emptyDir":
                    text.Line(2, "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)");
                    text.Line(2, $"Medium:\t{(string?)source?["medium"]}");
                    text.Line(2, $"SizeLimit:\t{(string?)source?["sizeLimit"] ?? "<unset>"}");
                    break;
                case "hostPath":
                    text.Line(2, "Type:\tHostPath (bare host directory volume)");
                    text.Line(2, $"Path:\t{(string?)source?["path"]}");
                    text.Line(2, $"HostPathType:\t{(string?)source?["type"]}");
                    break;
                case "configMap":
                    text.Line(2, "Type:\tConfigMap (a volume populated by a ConfigMap)");
                    text.Line(2, $"Name:\t{(string?)source?["name"]}");
                    text.Line(2, $"Optional:\t{((bool?)source?["optional"] == true ? "true" : "false")}");
                    break;
                case "secret":
                    text.Line(2, "Type:\tSecret (a volume populated by a Secret)");
                    text.Line(2, $"SecretName:\t{(string?)source?["secretName"]}");
                    text.Line(2, $"Optional:\t{((bool?)source?["optional"] == true ? "true" : "false")}");
                    break;
                case "persistentVolumeClaim":
                    text.Line(2, "Type:\tPersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)");
                    text.Line(2, $"ClaimName:\t{(string?)source?["claimName"]}");
                    text.Line(2, $"ReadOnly:\t{((bool?)source?["readOnly"] == true ? "true" : "false")}");
                    break;
                case "projected":
                    text.Line(2, "Type:\tProjected (a volume that contains injected data from multiple sources)");
                    foreach (var part in source?["sources"] as JsonArray ?? [])
                    {
                        if (part?["secret"] is { } secret) text.Line(2, $"SecretName:\t{(string?)secret["name"]}");
                        if (part?["configMap"] is { } map)
                        {
                            text.Line(2, $"ConfigMapName:\t{(string?)map["name"]}");
                            text.Line(2, $"Optional:\t{((bool?)map["optional"] == true ? "true" : "false")}");
                        }
                        if (part?["downwardAPI"] is not null) text.Line(2, "DownwardAPI:\ttrue");
                        if (part?["serviceAccountToken"] is { } token) text.Line(2, $"TokenExpirationSeconds:\t{token["expirationSeconds"]}");
                    }
                    break;
                default:
                    text.Line(2, $"Type:\t{kind}");
                    break;
            }
        }
    }

    private static void Tolerations(TabbedText text, JsonArray? tolerations)
    {
        if (tolerations is not { Count: > 0 })
        {
            text.Line(0, "Tolerations:\t<none>");
            return;
        }
        var title = "Tolerations:";
        foreach (var shown in tolerations.OfType<JsonObject>().Select(Toleration).Order(StringComparer.Ordinal))
        {
            text.Line(0, $"{title}\t{shown}");
            title = "";
        }
    }

    private static string Toleration(JsonObject t)
    {
        var shown = (string?)t["key"] ?? "";
        if ((string?)t["value"] is { Length: > 0 } value) shown += $"={value}";
        if ((string?)t["effect"] is { Length: > 0 } effect) shown += $":{effect}";
        if ((string?)t["operator"] == "Exists") shown += (string?)t["key"] is { Length: > 0 } || shown.Length > 0 ? " op=Exists" : "op=Exists";
        return t["tolerationSeconds"] is { } seconds ? $"{shown} for {seconds}s" : shown;
    }

    public static string Time(string? time) => time is not null && DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
        ? at.ToLocalTime().ToString("ddd, dd MMM yyyy HH:mm:ss zzz", CultureInfo.InvariantCulture).Remove(29, 1)
        : "";
}
