using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of what ConfigMaps and Secrets hold: keys, total size, immutability, and what types of Secrets require.</summary>
internal static class DataRules
{
    /// <summary>One mebibyte in all.</summary>
    private const int TotalBytesMax = 1024 * 1024;

    private const string Immutable = "field is immutable when `immutable` is set";

    public static void ValidateConfigMap(JsonObject map, FieldErrors errors)
    {
        var total = 0;
        foreach (var (key, value) in map.TextMap("data"))
        {
            Key(key, "data", errors);
            if (map.Object("binaryData").Has(key)) errors.Invalid(FieldPath.Of("data").Key(key), key, "duplicate of key present in binaryData");
            total += Encoding.UTF8.GetByteCount(value);
        }

        foreach (var (key, value) in map.TextMap("binaryData"))
        {
            Key(key, "binaryData", errors);
            total += DecodedBytes(value);
        }

        // The whole object is meant: Go writes its empty path so.
        if (total > TotalBytesMax) errors.TooLong("[]", TotalBytesMax);
    }

    public static void ValidateConfigMapUpdate(JsonObject map, JsonObject old, FieldErrors errors)
    {
        KeepImmutable(map, old, ["data", "binaryData"], errors);
        ValidateConfigMap(map, errors);
    }

    public static void ValidateSecret(JsonObject secret, FieldErrors errors)
    {
        var (data, total) = (secret.Object("data"), 0);
        foreach (var (key, value) in secret.TextMap("data"))
        {
            Key(key, "data", errors);
            total += DecodedBytes(value);
        }

        if (total > TotalBytesMax) errors.TooLong("data", TotalBytesMax);
        switch (secret.Text("type"))
        {
            case "kubernetes.io/service-account-token":
                const string annotation = "kubernetes.io/service-account.name";
                if (secret.Annotations().Text(annotation).Length == 0) errors.Required(FieldPath.Metadata.Child("annotations").Key(annotation));
                break;
            case "kubernetes.io/dockercfg":
                DockerConfig(data, ".dockercfg", errors);
                break;
            case "kubernetes.io/dockerconfigjson":
                DockerConfig(data, ".dockerconfigjson", errors);
                break;
            case "kubernetes.io/basic-auth":
                if (!data.Has("username") && !data.Has("password"))
                {
                    errors.Required(FieldPath.Of("data").Key("username"));
                    errors.Required(FieldPath.Of("data").Key("password"));
                }

                break;
            case "kubernetes.io/ssh-auth":
                if (data.Text("ssh-privatekey").Length == 0) errors.Required(FieldPath.Of("data").Key("ssh-privatekey"));
                break;
            case "kubernetes.io/tls":
                foreach (var key in (ReadOnlySpan<string>)["tls.crt", "tls.key"])
                    if (!data.Has(key)) errors.Required(FieldPath.Of("data").Key(key));
                break;
        }
    }

    public static void ValidateSecretUpdate(JsonObject secret, JsonObject old, FieldErrors errors)
    {
        ImmutableRules.Field(secret, old, "type", FieldPath.Of("type"), errors);
        KeepImmutable(secret, old, ["data"], errors);
        ValidateSecret(secret, errors);
    }

    private static void KeepImmutable(JsonObject obj, JsonObject old, ReadOnlySpan<string> fields, FieldErrors errors)
    {
        if (!old.Bool("immutable")) return;
        if (!obj.Bool("immutable")) errors.Forbidden("immutable", Immutable);
        foreach (var field in fields)
            if (obj.Differs(old, field)) errors.Forbidden(field, Immutable);
    }

    private static void Key(string key, string field, FieldErrors errors)
    {
        if (Formats.ConfigMapKey(key) is { Count: > 0 } complaints) errors.InvalidEach(FieldPath.Of(field).Key(key), key, complaints);
    }

    private static void DockerConfig(JsonObject? data, string key, FieldErrors errors)
    {
        var path = FieldPath.Of("data").Key(key);
        if (data.TextOrNull(key) is not { } text)
        {
            errors.Required(path);
            return;
        }

        if (JsonSyntax.Error(Decode(text)) is { } why) errors.Invalid(path, "<secret contents redacted>", why);
    }

    private static int DecodedBytes(string base64) => base64.Length == 0 ? 0 : (base64.Length / 4 * 3) - (base64.EndsWith("==", StringComparison.Ordinal) ? 2 : base64.EndsWith('=') ? 1 : 0);

    private static byte[] Decode(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var count) ? bytes[..count] : [];
    }
}
