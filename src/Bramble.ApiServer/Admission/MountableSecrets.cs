using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>The annotation kubernetes.io/enforce-mountable-secrets: a pod names only secrets that its service account lists.</summary>
internal static class MountableSecrets
{
    /// <returns>Null: all are listed.</returns>
    public static string? Refusal(JsonObject pod, JsonObject account)
    {
        var name = account.ObjectName();
        var listed = NamesOf(account, "secrets");
        var spec = pod.Object("spec");
        foreach (var (_, volume) in spec.Items("volumes"))
            if (volume.Object("secret") is { } source && !listed.Contains(source.Text("secretName")))
                return $"volume with secret.secretName=\"{source.Text("secretName")}\" is not allowed because service account {name} does not reference that secret";
        if ((ContainerRefusal(spec, "initContainers", "init container", listed, name) ?? ContainerRefusal(spec, "containers", "container", listed, name)) is { } why) return why;
        var pullSecrets = NamesOf(account, "imagePullSecrets");
        foreach (var (index, secret) in spec.Items("imagePullSecrets"))
            if (!pullSecrets.Contains(secret.Text("name")))
                return $"imagePullSecrets[{index}].name=\"{secret.Text("name")}\" is not allowed because service account {name} does not reference that imagePullSecret";
        return null;
    }

    public static string? EphemeralRefusal(JsonObject pod, JsonObject account) =>
        ContainerRefusal(pod.Object("spec"), "ephemeralContainers", "ephemeral container", NamesOf(account, "secrets"), account.ObjectName());

    private static string? ContainerRefusal(JsonObject? spec, string list, string title, HashSet<string> listed, string account)
    {
        foreach (var (_, container) in spec.Items(list))
        {
            foreach (var (_, variable) in container.Items("env"))
                if (variable.Object("valueFrom", "secretKeyRef") is { } key && !listed.Contains(key.Text("name")))
                    return $"{title} {container.Text("name")} with envVar {variable.Text("name")} referencing secret.secretName=\"{key.Text("name")}\" is not allowed because service account {account} does not reference that secret";
            foreach (var (_, source) in container.Items("envFrom"))
                if (source.Object("secretRef") is { } secret && !listed.Contains(secret.Text("name")))
                    return $"{title} {container.Text("name")} with envFrom referencing secret.secretName=\"{secret.Text("name")}\" is not allowed because service account {account} does not reference that secret";
        }
        return null;
    }

    private static HashSet<string> NamesOf(JsonObject account, string list)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (var (_, item) in account.Items(list)) names.Add(item.Text("name"));
        return names;
    }
}
