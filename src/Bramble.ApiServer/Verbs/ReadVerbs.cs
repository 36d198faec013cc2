using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>get, list and the start of a watch, from the caches. Rules of resourceVersion and resourceVersionMatch as in the API concepts page.</summary>
internal sealed class ReadVerbs(WatchCache cache, TimeProvider time)
{
    private const string ListTooOld = "The resourceVersion for the provided list is too old.";
    private const string ContinueTooOld = "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
        + "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an "
        + "inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

    /// <summary>The newest version of an object; with a resourceVersion one that is not older. 404 when there is none.</summary>
    public async ValueTask<KubeObject> GetAsync(ServedResource resource, NamespacedName name, string resourceVersion, CancellationToken cancel)
    {
        await ReachAsync(resourceVersion, cancel);
        return resource.Cache.Current.Items.Find(name) ?? throw StatusErrors.NotFound(resource.GroupResource, name.Name);
    }

    public async ValueTask<ListAnswer> ListAsync(ServedResource resource, string ns, ListOptions options, CancellationToken cancel)
    {
        var token = options.Continue.Length > 0 ? ContinueToken.Decode(options.Continue, ns) : default(ContinueToken?);
        if (token is not null && options.ResourceVersion is not ("" or "0")) throw StatusErrors.BadRequest("specifying resource version is not allowed when using continue");
        if (token is null) options.CheckListRevision();
        var revision = await ReachAsync(token is null ? options.ResourceVersion : "", cancel);
        var state = resource.Cache.Current;
        var items = state.Items;
        revision = Math.Max(revision, state.Revision);
        // Version 0 is "anything the cache has": limit means nothing there, as upstream.
        var limit = options.ResourceVersion == "0" ? 0 : options.Limit;
        if (token is { Revision: > 0 } page)
        {
            items = (state.At(page.Revision) ?? throw Inconsistent(page, ns)).ItemsAfter;
            revision = page.Revision;
        }
        else if (options.Revision() is > 0 and var exact && (options.Match == "Exact" || options.Match.Length == 0 && limit > 0))
        {
            items = (state.At(exact) ?? throw StatusErrors.Expired(ListTooOld)).ItemsAfter;
            revision = exact;
        }
        var selected = new List<KubeObject>(limit > 0 ? (int)Math.Min(limit, items.Count) : ns.Length == 0 ? items.Count : 16);
        var after = token?.After;
        foreach (var obj in items.Range(ns, after ?? default))
        {
            if (after is { } last && ObjectMap.Compare(obj.Name, last) <= 0) continue;
            if (options.HasSelector && !options.Selects(resource, obj)) continue;
            if (limit > 0 && selected.Count == limit)
            {
                var next = new ContinueToken(revision, selected[^1].Name).Encode(ns);
                long? remaining = options.HasSelector ? null : items.Range(ns, selected[^1].Name).LongCount() - 1;
                return new ListAnswer(resource, selected, revision, next, remaining);
            }
            selected.Add(obj);
        }
        return new ListAnswer(resource, selected, revision, "", null);
    }

    /// <summary>Opens a watch. What is too old is told in the stream, as upstream does.</summary>
    public async ValueTask<WatchStream> WatchAsync(ServedResource resource, string ns, ListOptions options, TimeSpan timeout, CancellationToken cancel)
    {
        var revision = options.Revision();
        if (options.SendInitialEvents == true)
        {
            var reached = await ReachAsync(options.ResourceVersion, cancel);
            var state = resource.Cache.Current;
            return new WatchStream(resource, ns, options, state.Newest, state.Items, Math.Max(reached, state.Revision), 0, timeout, time);
        }
        var now = resource.Cache.Current;
        if (revision == 0)
        {
            var reached = await ReachAsync("", cancel);
            now = resource.Cache.Current;
            return new WatchStream(resource, ns, options, now.Newest, null, Math.Max(reached, now.Revision), 0, timeout, time);
        }
        return new WatchStream(resource, ns, options, now.At(revision), null, revision, revision, timeout, time);
    }

    /// <summary>Waits until the caches hold what a resourceVersion asks for; the answer is the revision they are at.</summary>
    private async ValueTask<long> ReachAsync(string resourceVersion, CancellationToken cancel)
    {
        if (resourceVersion.Length == 0) return await cache.ReachNewestAsync(cancel);
        var revision = ListOptions.ParseRevision(resourceVersion);
        if (revision > 0) await cache.WaitForNamedAsync(revision, cancel);
        return cache.AppliedRevision;
    }

    private static StatusException Inconsistent(ContinueToken token, string ns) =>
        new(new Status(410, "Expired", ContinueTooOld) { Continue = (token with { Revision = -1 }).Encode(ns) });
}
