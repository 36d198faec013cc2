using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Caching;

/// <summary>Reads of the watch caches by the API server's own parts (authorizers, admission, strategies). No disk, no locks.</summary>
public interface IResourceReader
{
    KubeObject? Find(GroupResource resource, NamespacedName name);

    /// <param name="ns">Empty: all namespaces.</param>
    IReadOnlyCollection<KubeObject> List(GroupResource resource, string ns = "");

    /// <summary>Grows with every change of the resource, so that a derived index knows when it is stale.</summary>
    long Revision(GroupResource resource);
}
