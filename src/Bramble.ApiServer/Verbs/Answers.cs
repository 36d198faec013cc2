using Bramble.Api.Naming;
using Bramble.Api.Tables;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>What the pipeline answers; the front end encodes it as the client asked.</summary>
internal abstract record ApiAnswer(int Code);

/// <summary>One object, as JSON in the served version.</summary>
/// <param name="Shown">The kind its Table is made for; null: it is shown as it is only (Status, reviews).</param>
/// <param name="Printer">Its Table's columns, where they are not those of the kind.</param>
/// <param name="Object">The object of the cache where it is one.</param>
internal sealed record ObjectAnswer(int Code, ReadOnlyMemory<byte> Json, GroupVersionKind? Shown, KubeObject? Object = null, TablePrinter? Printer = null) : ApiAnswer(Code);

/// <summary>A list; items are as in the cache and converted as they are written.</summary>
/// <param name="Revision">0: of objects that are not stored.</param>
/// <param name="Remaining">How many come after this page; null: not known.</param>
internal sealed record ListAnswer(ServedResource Resource, IReadOnlyList<KubeObject> Items, long Revision, string Continue, long? Remaining) : ApiAnswer(200);

/// <summary>A watch to be followed until it ends.</summary>
/// <param name="Known">Where a custom resource's definition of now is found.</param>
internal sealed record WatchAnswer(ServedResource Resource, WatchStream Stream, ResourceTable Known) : ApiAnswer(200)
{
    /// <summary>The resource by which an event is shown: a definition may have changed since the watch began.</summary>
    public ServedResource Newest => Known.Newest(Resource);
}
