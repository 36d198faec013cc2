using System.Text.Json.Nodes;

namespace Bramble.Api.Discovery;

/// <summary>A group version that another server answers (an APIService), as discovery shows it.</summary>
/// <param name="Resources">The <c>resources</c> of its APIResourceList; empty when it has not answered yet.</param>
/// <param name="IsFresh">False: the list is what it said when it last answered.</param>
public sealed record RemoteGroupVersion(string Group, string Version, int GroupPriorityMinimum, int VersionPriority, JsonArray Resources, bool IsFresh);
