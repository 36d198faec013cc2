using System.Text.Json;

namespace Bramble.Supervisor.Runtime;

/// <summary>Texts as TOML writes them.</summary>
internal static class Toml
{
    /// <summary>A basic string. JSON's escapes are TOML's too.</summary>
    public static string Quote(string value) => $"\"{JsonEncodedText.Encode(value, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
