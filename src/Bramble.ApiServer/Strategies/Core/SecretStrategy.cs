using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Secrets.</summary>
internal sealed class SecretStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override void Default(JsonObject secret)
    {
        secret.DefaultText("type", "Opaque");
        // stringData is for writing only: it wins over data of the same key.
        if (secret["stringData"] is not JsonObject texts) return;
        if (secret["data"] is not JsonObject data) secret["data"] = data = [];
        foreach (var (key, text) in texts) data[key] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text?.GetValue<string>() ?? ""));
        secret.Remove("stringData");
    }

    public override void PrepareForUpdate(JsonObject secret, JsonObject old, StrategyContext context)
    {
        // An old client leaves the type out.
        if (secret.Text("type").Length == 0) secret.KeepFrom(old, "type");
    }

    public override IReadOnlyList<string> SelectableFields { get; } = ["type"];

    public override bool IsTextField(string fieldPath) => true;

    public override string? FieldValue(JsonObject secret, string fieldPath) => fieldPath == "type" ? secret.Text("type") : null;

    public override void Validate(JsonObject secret, FieldErrors errors, StrategyContext context) => DataRules.ValidateSecret(secret, errors);

    public override void ValidateUpdate(JsonObject secret, JsonObject old, FieldErrors errors, StrategyContext context) =>
        DataRules.ValidateSecretUpdate(secret, old, errors);
}
