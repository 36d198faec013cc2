using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Projected volumes: several sources in one folder, no path twice.</summary>
internal static class ProjectedVolumeRules
{
    private const string Conflict = "conflicting duplicate paths";
    private static readonly string[] KeyTypes = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];

    public static void Validate(JsonObject projected, FieldPath path, PodScope scope)
    {
        var errors = scope.Errors;
        VolumeSourceRules.Mode(projected, "defaultMode", path, errors);
        var paths = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, source) in projected.Items("sources"))
        {
            var at = path.Child("sources").Index(index);
            var count = 0;
            foreach (var kind in (ReadOnlySpan<string>)["secret", "configMap"])
            {
                if (source.Object(kind) is not { } content) continue;
                count++;
                if (content.Text("name").Length == 0) errors.Required(at.Child(kind, "name"));
                foreach (var (position, item) in content.Items("items"))
                {
                    VolumeSourceRules.KeyToPath(item, at.Child(kind, "items").Index(position), errors);
                    if (item.Text("path") is { Length: > 0 } target && !paths.Add(target)) errors.Invalid(path, content.Text("name"), Conflict);
                }
            }

            if (source.Object("downwardAPI") is { } downward)
            {
                count++;
                foreach (var (_, file) in downward.Items("items"))
                {
                    DownwardRules.VolumeFile(file, at.Child("downwardAPI"), errors);
                    if (file.Text("path") is { Length: > 0 } target && !paths.Add(target)) errors.Invalid(path, target, Conflict);
                }
            }

            if (source.Object("serviceAccountToken") is { } token)
            {
                count++;
                ServiceAccountToken(token, path, at.Child("serviceAccountToken"), errors);
            }

            if (source.Object("clusterTrustBundle") is { } bundle)
            {
                count++;
                ClusterTrustBundle(bundle, at.Child("clusterTrustBundle"), errors);
                if (!paths.Add(bundle.Text("path"))) errors.Invalid(path, bundle.Text("path"), Conflict);
            }

            if (source.Object("podCertificate") is { } certificate)
            {
                count++;
                PodCertificate(certificate, path, at.Child("podCertificate"), paths, errors);
            }

            if (count > 1) errors.Forbidden(at, "may not specify more than 1 volume type per source");
        }
    }

    private static void ServiceAccountToken(JsonObject token, FieldPath path, FieldPath at, FieldErrors errors)
    {
        var seconds = token.Long("expirationSeconds");
        if (seconds < 600) errors.Invalid(at.Child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
        if (seconds > 1L << 32) errors.Invalid(at.Child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds");
        if (token.Text("path").Length == 0) errors.Required(path.Child("path"));
        else PathRules.LocalNonReserved(token.Text("path"), path.Child("path"), errors);
    }

    private static void ClusterTrustBundle(JsonObject bundle, FieldPath path, FieldErrors errors)
    {
        var (name, signer) = (bundle.TextOrNull("name"), bundle.TextOrNull("signerName"));
        if (name is not null && signer is not null)
        {
            errors.Invalid(
                path,
                GoStruct.Show(bundle, ("Name", null), ("SignerName", null), ("LabelSelector", null), ("Optional", null), ("Path", "")),
                "only one of name and signerName may be used");
        }
        else if (name is not null)
        {
            if (name.Length == 0) errors.Required(path.Child("name"), "must be a valid object name");
            foreach (var complaint in Names.DnsSubdomain(name[(name.LastIndexOf(':') + 1)..])) errors.Invalid(path.Child("name"), name, $"not a valid clustertrustbundlename: {complaint}");
            if (bundle.Has("labelSelector")) errors.Invalid(path.Child("labelSelector"), bundle["labelSelector"], "labelSelector must be unset if name is specified");
        }
        else if (signer is not null)
        {
            if (signer.Length == 0) errors.Required(path.Child("signerName"), "must be a valid signer name");
            SignerRules.Validate(signer, path.Child("signerName"), errors);
            SelectorRules.Validate(bundle.Object("labelSelector"), path.Child("labelSelector"), errors);
        }
        else
        {
            errors.Required(path, "either name or signerName must be specified");
        }

        if (bundle.Text("path").Length == 0) errors.Required(path.Child("path"));
        PathRules.LocalNonReserved(bundle.Text("path"), path.Child("path"), errors);
    }

    private static void PodCertificate(JsonObject certificate, FieldPath path, FieldPath at, HashSet<string> paths, FieldErrors errors)
    {
        SignerRules.Validate(certificate.Text("signerName"), at.Child("signerName"), errors);
        if (!KeyTypes.Contains(certificate.Text("keyType"))) errors.NotSupported(at.Child("keyType"), certificate.Text("keyType"), KeyTypes);
        if (certificate.LongOrNull("maxExpirationSeconds") is { } seconds)
        {
            // A day for Kubernetes' own signers, 91 days for others.
            var max = certificate.Text("signerName").StartsWith("kubernetes.io/", StringComparison.Ordinal) ? 86400 : 91 * 86400;
            if (seconds < 3600) errors.Invalid(at.Child("maxExpirationSeconds"), seconds, "if provided, maxExpirationSeconds must be >= 3600");
            if (seconds > max) errors.Invalid(at.Child("maxExpirationSeconds"), seconds, $"if provided, maxExpirationSeconds must be <= {max}");
        }

        var count = 0;
        foreach (var field in (ReadOnlySpan<string>)["credentialBundlePath", "keyPath", "certificateChainPath"])
        {
            if (certificate.Text(field) is not { Length: > 0 } target) continue;
            count++;
            PathRules.LocalNonReserved(target, at.Child(field), errors);
            if (!paths.Add(target)) errors.Invalid(path, target, Conflict);
        }

        if (count == 0) errors.Required(at, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath");
    }
}
