using Bramble.Api.Errors;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Objects as Tables.</summary>
internal static class TableForm
{
    public static byte[] OfObject(HttpContext http, ServedResource resource, ReadOnlyMemory<byte> json, string metaVersion) => throw Missing();

    public static byte[] OfList(HttpContext http, ListAnswer list, string metaVersion) => throw Missing();

    public static byte[] OfWatch(HttpContext http, ServedResource resource, ReadOnlyMemory<byte> json, string metaVersion, bool withColumns, bool isBookmark) => throw Missing();

    private static StatusException Missing() =>
        new(new Status(406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml"));
}
