using System.Text.Json.Nodes;
using Bramble.Api.Discovery;
using Bramble.ApiServer.Requests;

namespace Bramble.ApiServer.Verbs;

/// <summary>A group version whose objects this server makes up when asked (metrics.k8s.io); elsewhere another server would answer behind an APIService.</summary>
public interface IVirtualGroup
{
    /// <summary>What discovery shows of it.</summary>
    RemoteGroupVersion Discovery { get; }

    /// <summary>Answers get and list; authorized before. A refusal is a <see cref="Bramble.Api.Errors.StatusException"/>.</summary>
    ValueTask<JsonObject> AnswerAsync(ApiRequest request, CancellationToken cancel);
}
