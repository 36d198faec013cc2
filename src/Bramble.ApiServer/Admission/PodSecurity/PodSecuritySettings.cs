using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>What holds for namespaces that do not say, and who is not asked. PodSecurityConfiguration.</summary>
internal sealed record PodSecuritySettings(NamespacePolicy Defaults, IReadOnlySet<string> Users, IReadOnlySet<string> RuntimeClasses, IReadOnlySet<string> Namespaces)
{
    public static readonly PodSecuritySettings Default = new(NamespacePolicy.Privileged, new HashSet<string>(), new HashSet<string>(), new HashSet<string>());

    public static PodSecuritySettings Read(JsonObject configuration)
    {
        // The fields are called as the labels are.
        var labels = new JsonObject();
        foreach (var (name, value) in configuration.Object("defaults") ?? []) labels[NamespacePolicy.Prefix + name] = (string?)value;
        var defaults = NamespacePolicy.Read(labels, NamespacePolicy.Privileged, inheritsEnforce: false);
        if (defaults.Errors.Count > 0)
            throw new InvalidDataException($"defaults: {string.Join("; ", defaults.Errors.Select(e => e.ToString().Replace($"metadata.labels[{NamespacePolicy.Prefix}", "", StringComparison.Ordinal).Replace("]:", ":", StringComparison.Ordinal)))}");
        var exemptions = configuration.Object("exemptions");
        return new(defaults, Set("usernames"), Set("runtimeClasses"), Set("namespaces"));

        HashSet<string> Set(string field)
        {
            var names = exemptions.Texts(field).ToList();
            if (names.Find(name => name.Length == 0 || names.Count(n => n == name) > 1) is { } wrong)
                throw new InvalidDataException($"exemptions.{field}: {(wrong.Length == 0 ? "a name must not be empty" : $"\"{wrong}\" is there twice")}");
            return names.ToHashSet(StringComparer.Ordinal);
        }
    }

    public bool IsExempt(AdmissionRequest request) => Namespaces.Contains(request.Namespace) || Users.Contains(request.User.Name);

    public bool IsExempt(JsonObject? podSpec) => RuntimeClasses.Count > 0 && RuntimeClasses.Contains(podSpec.Text("runtimeClassName"));
}
