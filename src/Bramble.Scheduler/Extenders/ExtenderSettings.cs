using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.Api.Naming;
using Bramble.Scheduler.Configuration;

namespace Bramble.Scheduler.Extenders;

/// <summary>One entry of <c>extenders</c> in a KubeSchedulerConfiguration. A verb that is empty is not asked for. Immutable.</summary>
internal sealed class ExtenderSettings
{
    public required string UrlPrefix { get; init; }
    public string FilterVerb { get; init; } = "";
    public string PreemptVerb { get; init; } = "";
    public string PrioritizeVerb { get; init; } = "";
    public string BindVerb { get; init; } = "";
    public long Weight { get; init; }
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>It knows the nodes itself: their names suffice.</summary>
    public bool IsNodeCacheCapable { get; init; }

    /// <summary>Only Pods that ask for one of these concern it; none: all Pods do.</summary>
    public IReadOnlySet<string> ManagedResources { get; init; } = new HashSet<string>();

    /// <summary>Those that NodeResourcesFit does not look at.</summary>
    public IReadOnlyList<string> IgnoredResources { get; init; } = [];

    /// <summary>A Pod is scheduled also when it does not answer.</summary>
    public bool IsIgnorable { get; init; }
    public SslClientAuthenticationOptions Tls { get; init; } = new();

    /// <returns>Those that may fail last.</returns>
    public static IReadOnlyList<ExtenderSettings> Read(ConfigNode list)
    {
        var (all, managed) = (new List<ExtenderSettings>(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var node in list.Items()) all.Add(ReadOne(node, managed));
        if (all.Count(e => e.BindVerb.Length > 0) is > 1 and var binders)
            throw new InvalidDataException($"{list.Path}: Invalid value: \"found {binders} extenders implementing bind\": only one extender can implement bind");
        return [.. all.Where(e => !e.IsIgnorable), .. all.Where(e => e.IsIgnorable)];
    }

    private static ExtenderSettings ReadOne(ConfigNode node, HashSet<string> managed)
    {
        node.Object(
            "urlPrefix", "filterVerb", "preemptVerb", "prioritizeVerb", "weight", "bindVerb", "enableHTTPS", "tlsConfig", "httpTimeout", "nodeCacheCapable", "managedResources", "ignorable");
        var url = node["urlPrefix"].RequiredText();
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https")) throw node["urlPrefix"].Wrong("must be a URL, as http://127.0.0.1:8888/scheduler");
        var (prioritize, weight) = (node["prioritizeVerb"].Text() ?? "", node["weight"].Number() ?? 0);
        if (prioritize.Length > 0 && weight <= 0) throw new InvalidDataException($"{node["weight"].Path}: Invalid value: {weight}: must have a positive weight applied to it");
        var (names, ignored) = (new HashSet<string>(StringComparer.Ordinal), new List<string>());
        foreach (var item in node["managedResources"].Items())
        {
            var name = item.Object("name", "ignoredByScheduler")["name"];
            names.Add(ReadResource(name, managed));
            if (item["ignoredByScheduler"].Switch() == true) ignored.Add(name.Text()!);
        }

        var timeout = node["httpTimeout"].Duration() ?? TimeSpan.Zero;
        if (timeout < TimeSpan.Zero) throw node["httpTimeout"].Wrong("must be zero or positive");
        return new ExtenderSettings
        {
            UrlPrefix = url,
            FilterVerb = node["filterVerb"].Text() ?? "",
            PreemptVerb = node["preemptVerb"].Text() ?? "",
            PrioritizeVerb = prioritize,
            BindVerb = node["bindVerb"].Text() ?? "",
            Weight = weight,
            Timeout = timeout == TimeSpan.Zero ? TimeSpan.FromSeconds(5) : timeout,
            IsNodeCacheCapable = node["nodeCacheCapable"].Switch() ?? false,
            ManagedResources = names,
            IgnoredResources = ignored,
            IsIgnorable = node["ignorable"].Switch() ?? false,
            Tls = ReadTls(node["tlsConfig"].Object("insecure", "serverName", "certFile", "keyFile", "caFile", "certData", "keyData", "caData"), node["enableHTTPS"].Switch() ?? false),
        };
    }

    private static string ReadResource(ConfigNode node, HashSet<string> managed)
    {
        var name = node.RequiredText();
        if (Formats.LabelKey(name) is { Count: > 0 } complaints) throw node.Wrong(complaints[0]);
        if (!Formats.IsExtendedResource(name)) throw node.Wrong("is an invalid extended resource name");
        return managed.Add(name) ? name : throw node.Wrong("duplicate extender managed resource name");
    }

    /// <summary>Without an authority an extender that is to be asked by HTTPS is believed whoever it is, as upstream does.</summary>
    private static SslClientAuthenticationOptions ReadTls(ConfigNode node, bool wantsHttps)
    {
        var tls = new SslClientAuthenticationOptions();
        if (node["serverName"].Text() is { Length: > 0 } name) tls.TargetHost = name;
        var authorities = Pem(node, "ca");
        var isInsecure = node["insecure"].Switch() == true;
        if (isInsecure && authorities is not null) throw new InvalidDataException($"{node.Path}: specifying a root certificates file with the insecure flag is not allowed");
        try
        {
            if (authorities is not null)
            {
                var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
                policy.CustomTrustStore.ImportFromPem(authorities);
                tls.CertificateChainPolicy = policy;
            }
            else if (isInsecure || wantsHttps)
            {
                tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
            }

            var (certificate, key) = (Pem(node, "cert"), Pem(node, "key"));
            if (certificate is null != key is null) throw new InvalidDataException($"{node.Path}: a certificate and its key go together");
            if (certificate is not null) tls.ClientCertificates = [X509Certificate2.CreateFromPem(certificate, key)];
        }
        catch (CryptographicException e)
        {
            throw new InvalidDataException($"{node.Path}: {e.Message}");
        }

        return tls;
    }

    /// <summary>What is written in the file itself goes before what it names.</summary>
    private static string? Pem(ConfigNode node, string what)
    {
        if (node[$"{what}Data"].Text() is { Length: > 0 } data)
        {
            var bytes = new byte[data.Length];
            return Convert.TryFromBase64String(data, bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : throw new InvalidDataException($"{node.Path}.{what}Data: must be base64");
        }

        if (node[$"{what}File"].Text() is not { Length: > 0 } file) return null;
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{node.Path}.{what}File: {e.Message}");
        }
    }
}
