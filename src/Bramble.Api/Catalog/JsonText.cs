using System.Text.Encodings.Web;
using System.Text.Json;

namespace Bramble.Api.Catalog;

/// <summary>How JSON text inside the API is written: no spaces, no needless escapes.</summary>
internal static class JsonText
{
    public static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
