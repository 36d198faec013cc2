using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ServiceAccounts;

/// <summary>What becomes of a Secret that keeps a service account's token (type kubernetes.io/service-account-token). Pure.</summary>
internal abstract record TokenSecret
{
    public const string Type = "kubernetes.io/service-account-token";
    private const string NameAnnotation = "kubernetes.io/service-account.name";
    private const string UidAnnotation = "kubernetes.io/service-account.uid";

    private TokenSecret() { }

    public sealed record Keep : TokenSecret;

    /// <summary>Its account is gone, or another has its name.</summary>
    public sealed record Delete : TokenSecret;

    /// <summary>It is to be written like this.</summary>
    public sealed record Fill(JsonObject Secret) : TokenSecret;

    /// <param name="account">What has the name of its account now, as the API has it where the copy does not know it.</param>
    /// <param name="rootCa">As PEM; empty: this cluster's Secrets carry none.</param>
    /// <param name="issue">A token without an end for that account; asked only when there is none yet.</param>
    public static TokenSecret Decide(KubeObject secret, V1ServiceAccount? account, string rootCa, Func<V1ServiceAccount, string> issue)
    {
        if (AccountOf(secret.Model<V1Secret>()) is null) return new Keep();
        if (!IsOf(secret.Model<V1Secret>(), account)) return new Delete();
        var tree = secret.ToTree();
        if (tree["data"] is not JsonObject data) tree["data"] = data = [];
        var before = data.DeepClone();
        if (rootCa.Length > 0) data["ca.crt"] = Encode(rootCa);
        // Whatever a user wrote there stays.
        if (string.IsNullOrEmpty((string?)data["namespace"])) data["namespace"] = Encode(secret.Name.Namespace);
        if (string.IsNullOrEmpty((string?)data["token"])) data["token"] = Encode(issue(account!));
        if (JsonNode.DeepEquals(before, data)) return new Keep();
        tree["metadata"]!["annotations"]![UidAnnotation] = account!.Metadata.Uid;
        return new Fill(tree);
    }

    /// <summary>The account it is for; null: it is not of this type, or says none.</summary>
    public static NamespacedName? AccountOf(V1Secret secret) =>
        secret.Type == Type && secret.Metadata.Annotation(NameAnnotation) is { Length: > 0 } account ? new NamespacedName(secret.Metadata.NamespaceProperty, account) : null;

    /// <summary>The account is the one that the Secret was made for. One without a uid yet takes whatever has the name.</summary>
    public static bool IsOf(V1Secret secret, V1ServiceAccount? account) =>
        account is not null && (secret.Metadata.Annotation(UidAnnotation) is not { Length: > 0 } uid || uid == account.Metadata.Uid);

    /// <returns>The account without its reference to a Secret that is gone (accounts of old clusters name theirs); null: it has none.</returns>
    public static JsonObject? WithoutReference(KubeObject account, string secret)
    {
        var tree = account.ToTree();
        if (tree["secrets"] is not JsonArray named || named.All(n => (string?)n?["name"] != secret)) return null;
        tree["secrets"] = new JsonArray([.. named.Where(n => (string?)n?["name"] != secret).Select(n => n?.DeepClone())]);
        return tree;
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
