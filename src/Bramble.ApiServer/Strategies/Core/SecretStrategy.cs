using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Secrets.</summary>
internal sealed class SecretStrategy : KindStrategy
{
    public override void Default(JsonObject secret)
    {
        secret.DefaultText("type", "Opaque");
        if (secret.Object("stringData") is not { } texts) return;
        foreach (var (key, text) in texts.AllTexts()) secret.Child("data")[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
        secret.Remove("stringData");
    }

    public override void PrepareForUpdate(JsonObject secret, JsonObject old, StrategyContext context)
    {
        // An old client leaves the type out.
        if (secret.Text("type").Length == 0) secret.KeepFrom(old, "type");
    }

    public override IReadOnlyList<string> SelectableFields { get; } = ["type"];

    public override string? FieldValue(JsonObject secret, string fieldPath) => fieldPath == "type" ? secret.Text("type") : null;

    public override void Validate(JsonObject secret, FieldErrors errors, StrategyContext context) => DataRules.ValidateSecret(secret, errors);

    public override void ValidateUpdate(JsonObject secret, JsonObject old, FieldErrors errors, StrategyContext context) =>
        DataRules.ValidateSecretUpdate(secret, old, errors);
}
