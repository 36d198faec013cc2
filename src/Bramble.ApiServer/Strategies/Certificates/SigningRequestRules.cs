using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Certificates;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of CertificateSigningRequests: the request itself, what it is for, and who may say what of it.</summary>
internal static partial class SigningRequestRules
{
    private static readonly FieldPath Conditions = FieldPath.Status.Child("conditions");
    private static readonly FieldPath Certificate = FieldPath.Status.Child("certificate");

    private static readonly string[] Usages =
    [
        "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection",
        "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
        "server auth", "signing", "timestamping",
    ];

    public static void Validate(JsonObject request, JsonObject? old, FieldErrors errors)
    {
        var (spec, path) = (request.Object("spec") ?? [], FieldPath.Spec);
        if (RequestError(spec.Text("request")) is { } complaint) errors.Invalid(path.Child("request"), spec.Has("request") ? spec.Text("request") : null, complaint);
        UsageList(spec, old.Object("spec"), path.Child("usages"), errors);
        var signer = spec.Text("signerName");
        const string legacy = "kubernetes.io/legacy-unknown";
        if (signer == legacy && old.Object("spec").Text("signerName") != legacy) errors.Invalid(path.Child("signerName"), signer, "the legacy signerName is not allowed via this API version");
        else SignerRules.Validate(signer, path.Child("signerName"), errors);
        if (spec.LongOrNull("expirationSeconds") is < 600 and var seconds)
            errors.Invalid(path.Child("expirationSeconds"), seconds, "may not specify a duration less than 600 seconds (10 minutes)");
        ConditionList(request, old, errors);
        var certificate = request.Object("status").Text("certificate");
        if ((old is null || certificate != old.Object("status").Text("certificate")) && CertificateError(certificate) is { } wrong) errors.Invalid(Certificate, "<certificate data>", wrong);
    }

    public static void ValidateUpdate(string subresource, JsonObject request, JsonObject old, FieldErrors errors)
    {
        Validate(request, old, errors);
        foreach (var type in (ReadOnlySpan<string>)["Approved", "Denied", "Failed"])
            if (OfType(request, type).Count < OfType(old, type).Count) errors.Forbidden(Conditions, $"updates may not remove a condition of type \"{type}\"");
        if (subresource != "approval")
        {
            foreach (var type in (ReadOnlySpan<string>)["Approved", "Denied"])
                if (OfType(request, type).Count > OfType(old, type).Count) errors.Forbidden(Conditions, $"updates may not add a condition of type \"{type}\"");
        }

        var (now, before) = (request.Object("status").Text("certificate"), old.Object("status").Text("certificate"));
        if (now == before) return;
        if (subresource != "status") errors.Forbidden(Certificate, "updates may not set certificate content");
        else if (before.Length > 0) errors.Forbidden(Certificate, "updates may not modify existing certificate content");
    }

    private static void UsageList(JsonObject spec, JsonObject? before, FieldPath path, FieldErrors errors)
    {
        if (spec.Count("usages") == 0) errors.Required(path);
        var (usages, had) = (spec.Texts("usages").ToList(), before.Texts("usages").ToList());
        if (had.All(Usages.Contains))
        {
            for (var i = 0; i < usages.Count; i++)
                if (!Usages.Contains(usages[i])) errors.NotSupported(path.Index(i), usages[i], Usages);
        }

        if (had.Distinct().Count() < had.Count) return;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < usages.Count; i++)
            if (!seen.Add(usages[i])) errors.Duplicate(path.Index(i), usages[i]);
    }

    private static void ConditionList(JsonObject request, JsonObject? old, FieldErrors errors)
    {
        var before = Types(old);
        var (allowsEmpty, allowsBoth, allowsDuplicates) = (before.Contains(""), before.Contains("Approved") && before.Contains("Denied"), before.Distinct().Count() < before.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, condition) in request.Object("status").Items("conditions"))
        {
            var (type, status, at) = (condition.Text("type"), condition.Text("status"), Conditions.Index(index));
            if (type.Length == 0 && !allowsEmpty) errors.Required(at.Child("type"));
            var isDecision = type is "Approved" or "Denied" or "Failed";
            if (status.Length == 0) errors.Required(at.Child("status"));
            else if (status != "True" && (isDecision || status is not ("False" or "Unknown"))) errors.NotSupported(at.Child("status"), status, isDecision ? ["True"] : ["False", "True", "Unknown"]);
            if (!allowsBoth && (type == "Approved" && seen.Contains("Denied") || type == "Denied" && seen.Contains("Approved")))
                errors.Invalid(Conditions, type, "Approved and Denied conditions are mutually exclusive");
            if (!seen.Add(type) && !allowsDuplicates) errors.Duplicate(at.Child("type"), type);
        }
    }

    private static List<string> Types(JsonObject? request)
    {
        var types = new List<string>();
        foreach (var (_, condition) in request.Object("status").Items("conditions")) types.Add(condition.Text("type"));
        return types;
    }

    private static List<string> OfType(JsonObject request, string type) => Types(request).FindAll(each => each == type);

    private static string? RequestError(string request)
    {
        if (!TryReadText(request, out var text) || !PemEncoding.TryFind(text, out var fields) || text[fields.Label] != "CERTIFICATE REQUEST") return "PEM block type must be CERTIFICATE REQUEST";
        try
        {
            SigningRequests.Load(Convert.FromBase64String(text[fields.Base64Data]));
            return null;
        }
        catch (Exception e) when (e is CryptographicException or NotSupportedException)
        {
            return e.Message;
        }
    }

    private static string? CertificateError(string certificate)
    {
        if (certificate.Length == 0) return null;
        if (!TryReadText(certificate, out var text)) return "must contain at least one CERTIFICATE PEM block";
        if (HeaderOfBlock().IsMatch(text)) return "no PEM block headers are permitted";
        var blocks = 0;
        while (PemEncoding.TryFind(text, out var fields))
        {
            var label = text[fields.Label];
            if (label != "CERTIFICATE") return $"only CERTIFICATE PEM blocks are allowed, found {FieldError.Quote(label)}";
            blocks++;
            if (fields.DecodedDataLength == 0) return "found CERTIFICATE PEM block containing 0 certificates";
            try
            {
                X509CertificateLoader.LoadCertificate(Convert.FromBase64String(text[fields.Base64Data])).Dispose();
            }
            catch (CryptographicException e)
            {
                return e.Message;
            }

            text = text[fields.Location.End..];
        }

        return blocks == 0 ? "must contain at least one CERTIFICATE PEM block" : null;
    }

    /// <summary>Old PEM knows lines like <c>Proc-Type: 4,ENCRYPTED</c> in a block; what reads blocks here passes over such.</summary>
    [GeneratedRegex("-----BEGIN CERTIFICATE-----\\r?\\n[^\\n:]+:")]
    private static partial Regex HeaderOfBlock();

    private static bool TryReadText(string base64, out string text)
    {
        var bytes = new byte[base64.Length];
        text = Convert.TryFromBase64String(base64, bytes, out var count) ? Encoding.Latin1.GetString(bytes, 0, count) : "";
        return text.Length > 0;
    }
}
