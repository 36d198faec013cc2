using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Bootstrap;

/// <summary>Signs the kubeconfig in kube-public/cluster-info with every bootstrap token that may sign: who joins with a token knows by it that the cluster
/// knows the token too. Does nothing where nobody has made that ConfigMap.</summary>
internal sealed class ClusterInfoSigner : IReconciler
{
    private const string SignaturePrefix = "jws-kubeconfig-";
    private static readonly NamespacedName Info = new("kube-public", "cluster-info");

    private readonly ControllerContext _context;
    private readonly IInformer<V1ConfigMap> _maps;
    private readonly IInformer<V1Secret> _secrets;

    public ClusterInfoSigner(ControllerContext context)
    {
        _context = context;
        _maps = context.Watches(Resources.ConfigMaps, change =>
        {
            if (change.Name == Info && change.New is not null) context.Queue.Add(Info);
        });
        _secrets = context.Watches(Resources.Secrets, change =>
        {
            if (change.Name.Namespace == "kube-system" && (change.New ?? change.Old)!.Type == BootstrapToken.Type) context.Queue.Add(Info);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_maps.FindObject(Info)?.ToTree() is not { } tree || tree["data"] is not JsonObject data) return Requeue.Never;
        var now = _context.Time.GetUtcNow();
        var tokens = _secrets.List("kube-system").Select(s => BootstrapToken.ForSigning(s, now)).OfType<BootstrapToken>().DistinctBy(t => t.Id).ToList();
        if (Signed(data, tokens) is not { } signed) return Requeue.Never;
        tree["data"] = signed;
        await _context.Client.UpdateAsync(Resources.ConfigMaps, tree, null, cancel);
        return Requeue.Never;
    }

    /// <returns>The data with the signatures of these tokens and no others; null: it is so already. Pure.</returns>
    public static JsonObject? Signed(JsonObject data, IReadOnlyList<BootstrapToken> tokens)
    {
        if ((string?)data["kubeconfig"] is not { } content) return null;
        var signed = data.DeepClone().AsObject();
        foreach (var old in data.Select(d => d.Key).Where(k => k.StartsWith(SignaturePrefix, StringComparison.Ordinal))) signed.Remove(old);
        foreach (var token in tokens) signed[SignaturePrefix + token.Id] = Sign(content, token);
        return JsonNode.DeepEquals(signed, data) ? null : signed;
    }

    /// <summary>A compact JWS (HS256) without its content: RFC 7515, appendix F.</summary>
    private static string Sign(string content, BootstrapToken token)
    {
        var header = Encode(Encoding.UTF8.GetBytes(new JsonObject { ["alg"] = "HS256", ["kid"] = token.Id }.ToJsonString()));
        var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(token.Secret), Encoding.UTF8.GetBytes($"{header}.{Encode(Encoding.UTF8.GetBytes(content))}"));
        return $"{header}..{Encode(signature)}";
    }

    private static string Encode(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
