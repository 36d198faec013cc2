using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Aggregation;

/// <summary>An APIService whose group version another server answers, behind a Service of the cluster. Immutable.</summary>
/// <param name="Spec">The spec as text: when it changes, connections and knowledge of the other server are made anew.</param>
internal sealed record RemoteService(
    string Name, string Group, string Version, NamespacedName Service, int Port, string CaBundle, bool SkipsVerification, int GroupPriority, int VersionPriority, bool IsAvailable, string Spec)
{
    /// <summary>The name its serving certificate must have.</summary>
    public string Host => $"{Service.Name}.{Service.Namespace}.svc";

    /// <summary>Null: this server answers the group version itself.</summary>
    public static RemoteService? Read(KubeObject apiService)
    {
        var tree = apiService.ToTree();
        if (tree.Object("spec") is not { } spec || spec.Object("service") is not { } service) return null;
        return new RemoteService(
            apiService.Name.Name, spec.Text("group"), spec.Text("version"), new NamespacedName(service.Text("namespace"), service.Text("name")), (int)(service.LongOrNull("port") ?? 443),
            spec.Text("caBundle"), spec.Bool("insecureSkipTLSVerify"), (int)spec.Long("groupPriorityMinimum"), (int)spec.Long("versionPriority"),
            IsTrue(tree.Object("status")), spec.ToJsonString());
    }

    private static bool IsTrue(JsonObject? status)
    {
        foreach (var (_, condition) in status.Items("conditions"))
            if (condition.Text("type") == "Available") return condition.Text("status") == "True";
        return false;
    }
}
