using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ServiceAccounts: of a referenced Secret only the name is kept.</summary>
internal sealed class ServiceAccountStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override void PrepareForCreate(JsonObject account, StrategyContext context) => KeepSecretNames(account);

    public override void PrepareForUpdate(JsonObject account, JsonObject old, StrategyContext context) => KeepSecretNames(account);

    private static void KeepSecretNames(JsonObject account)
    {
        if (account.Array("secrets") is not { } secrets) return;
        for (var i = 0; i < secrets.Count; i++)
        {
            var name = (secrets[i] as JsonObject).Text("name");
            secrets[i] = name.Length == 0 ? new JsonObject() : new JsonObject { ["name"] = name };
        }
    }

    public override IEnumerable<string> Warnings(JsonObject account, JsonObject? old)
    {
        const string annotation = "kubernetes.io/enforce-mountable-secrets";
        if (account.Annotations().Has(annotation) && !old.Annotations().Has(annotation))
            yield return $"metadata.annotations[{annotation}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets";
    }
}
