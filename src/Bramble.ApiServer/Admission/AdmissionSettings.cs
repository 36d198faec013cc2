using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.ApiServer.Admission.PodSecurity;
using Bramble.ApiServer.Admission.Quota;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>How admission plugins are set up, beyond their defaults.</summary>
public sealed record AdmissionSettings
{
    /// <summary>So many seconds a pod stays on a node that is not ready, if it does not say.</summary>
    public int NotReadySeconds { get; init; } = 300;

    /// <summary>The same of a node that is not heard of.</summary>
    public int UnreachableSeconds { get; init; } = 300;

    internal PodSecuritySettings PodSecurity { get; private init; } = PodSecuritySettings.Default;

    /// <summary>What nobody may have without a quota for it.</summary>
    internal IReadOnlyList<LimitedResource> Limited { get; private init; } = [];

    /// <summary>With what a file of <c>--admission-control-config-file</c> says (apiserver.config.k8s.io/v1 AdmissionConfiguration) of PodSecurity and ResourceQuota.</summary>
    /// <exception cref="InvalidDataException">What is wrong with it, in one line.</exception>
    public AdmissionSettings With(string file)
    {
        var settings = this;
        foreach (var (index, plugin) in Read(file, "AdmissionConfiguration", "apiserver.config.k8s.io").Items("plugins"))
        {
            var name = plugin.Text("name");
            var configuration = plugin.Object("configuration");
            var place = $"{file}: plugins[{index}] ({name})";
            try
            {
                settings = name switch
                {
                    "PodSecurity" => settings with { PodSecurity = PodSecuritySettings.Read(Of("PodSecurityConfiguration", "pod-security.admission.config.k8s.io")) },
                    "ResourceQuota" => settings with { Limited = LimitedResource.Read(Of("ResourceQuotaConfiguration", "apiserver.config.k8s.io", "resourcequota.admission.k8s.io")) },
                    _ => throw new InvalidDataException("Bramble has no settings for this plugin; only PodSecurity and ResourceQuota have"),
                };
            }
            catch (InvalidDataException e)
            {
                throw new InvalidDataException($"{place}: {e.Message}", e);
            }

            JsonObject Of(string kind, params string[] groups)
            {
                if (configuration is null && plugin.Text("path") is { Length: > 0 } path) return Read(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, path), kind, groups);
                if (configuration is null) throw new InvalidDataException("neither configuration nor path is given");
                return Checked(configuration, kind, groups);
            }
        }
        return settings;
    }

    private static JsonObject Read(string file, string kind, params string[] groups)
    {
        try
        {
            return Checked(YamlDocuments.ReadOne(File.ReadAllText(file)) as JsonObject ?? [], kind, groups);
        }
        catch (Exception e) when (e is FormatException or YamlDotNet.Core.YamlException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{file} cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{file}: {e.Message}", e);
        }
    }

    private static JsonObject Checked(JsonObject tree, string kind, params string[] groups) =>
        tree.Text("kind") == kind && groups.Contains(tree.Text("apiVersion").Split('/')[0], StringComparer.Ordinal) ? tree
            : throw new InvalidDataException($"apiVersion and kind are \"{tree.Text("apiVersion")}\" and \"{tree.Text("kind")}\"; they must be {groups[0]}/v1 and {kind}");
}
