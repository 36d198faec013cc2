using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CustomResourceDefinitions: names that follow from the kind, and which versions may be stored.</summary>
internal sealed class CustomResourceDefinitionStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;
    public override bool AllowsUnconditionalUpdate => false;

    public override void Default(JsonObject definition)
    {
        var spec = definition.Child("spec");
        var names = spec.Child("names");
        if (names.Text("kind") is { Length: > 0 } kind)
        {
            names.DefaultText("singular", kind.ToLowerInvariant());
            names.DefaultText("listKind", kind + "List");
        }

        if (!spec.Has("conversion")) spec["conversion"] = new JsonObject { ["strategy"] = "None" };
        spec.Object("conversion").Object("webhook").Object("clientConfig").Object("service")?.DefaultTo("port", 443);
        // Who takes the last one out of a status gets the one that is stored now.
        if (definition.Object("status") is { } status && status.Count("storedVersions") == 0) AddStoredVersion(definition, status);
    }

    protected override JsonObject NewStatus(JsonObject definition, StrategyContext context)
    {
        var status = new JsonObject { ["conditions"] = null, ["acceptedNames"] = new JsonObject { ["plural"] = "", ["kind"] = "" }, ["storedVersions"] = null };
        AddStoredVersion(definition, status);
        return status;
    }

    public override void PrepareForUpdate(JsonObject definition, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(definition, old, context);
        AddStoredVersion(definition, definition.Child("status"));
    }

    /// <summary>Its own has no path either.</summary>
    public override bool AllowsPlainFinalizers => true;

    public override string? DeletionFinalizer => CustomResources.Definition.Finalizer;

    public override void OnDeletionStarted(JsonObject definition, StrategyContext context) => CustomResources.DefinitionNaming.SetCondition(
        definition.Child("status"), "Terminating", true, "InstanceDeletionPending", "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", context.Now);

    public override void Validate(JsonObject definition, FieldErrors errors, StrategyContext context) => CustomResources.DefinitionRules.Validate(definition, null, errors);

    public override void ValidateUpdate(JsonObject definition, JsonObject old, FieldErrors errors, StrategyContext context) =>
        CustomResources.DefinitionRules.Validate(definition, old, errors);

    public override IEnumerable<string> Warnings(JsonObject definition, JsonObject? old) => CustomResources.DefinitionFormats.Warnings(definition, old);

    private static void AddStoredVersion(JsonObject definition, JsonObject status)
    {
        foreach (var (_, version) in definition.Object("spec").Items("versions"))
        {
            if (!version.Bool("storage")) continue;
            var name = version.Text("name");
            if (status.Array("storedVersions") is not { } stored) status["storedVersions"] = stored = [];
            if (!status.Texts("storedVersions").Contains(name)) stored.Add((JsonNode)name);
            return;
        }
    }
}
