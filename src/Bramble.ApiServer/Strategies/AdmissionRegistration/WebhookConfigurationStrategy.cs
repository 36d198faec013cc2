using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to MutatingWebhookConfigurations and ValidatingWebhookConfigurations.</summary>
internal sealed class WebhookConfigurationStrategy(bool isMutating) : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool AllowsPlainFinalizers => true;
    public override bool CountsGeneration => true;
    public override bool AllowsUnconditionalUpdate => false;
    protected override IReadOnlyList<string> GenerationFields { get; } = ["webhooks"];

    public override void Default(JsonObject configuration)
    {
        foreach (var (_, webhook) in configuration.Items("webhooks"))
        {
            webhook.DefaultTo("failurePolicy", "Fail");
            AdmissionDefaults.ApplyToMatch(webhook);
            webhook.DefaultTo("timeoutSeconds", 10);
            if (isMutating) webhook.DefaultTo("reinvocationPolicy", "Never");
            foreach (var (_, rule) in webhook.Items("rules")) rule.DefaultTo("scope", "*");
            webhook.Object("clientConfig").Object("service")?.DefaultTo("port", 443);
        }
    }

    public override void Validate(JsonObject configuration, FieldErrors errors, StrategyContext context) => WebhookRules.Validate(configuration, null, isMutating, errors);

    public override void ValidateUpdate(JsonObject configuration, JsonObject old, FieldErrors errors, StrategyContext context) =>
        WebhookRules.Validate(configuration, old, isMutating, errors);

    public override IEnumerable<string> Warnings(JsonObject configuration, JsonObject? old) => AdmissionDefaults.NameWarnings(configuration);
}
