using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Events, in both their API groups: an event is not written over carelessly, but may be created by PUT.</summary>
/// <param name="involvedObject">Name of the field that holds the reference: <c>involvedObject</c> in v1, <c>regarding</c> in events.k8s.io.</param>
internal sealed class EventStrategy(string involvedObject) : KindStrategy
{
    public override bool AllowsCreateOnUpdate => true;

    /// <summary>Nothing depends on an Event: no finalizer is set for its dependents, whatever the client asks.</summary>
    public override string DefaultPropagation => "Unsupported";

    /// <summary>Of v1 upstream's own validation does not look at metadata: old recorders name an Event after its object, whatever that is called.</summary>
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => IsCore ? [] : ChangesOnly;

    public override bool AllowsPlainFinalizers => IsCore;

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => IsCore ? Names.PathSegment(name, isPrefix) : base.NameRule(name, isPrefix);

    private bool IsCore => involvedObject == "involvedObject";

    public override IReadOnlyList<string> SelectableFields { get; } =
    [
        "type", "reason",
        .. involvedObject == "involvedObject" ? (ReadOnlySpan<string>)["source", "reportingComponent"] : ["reportingController"],
        .. from field in (string[])["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"] select $"{involvedObject}.{field}",
    ];

    public override bool IsTextField(string fieldPath) => fieldPath is not ("source" or "reportingComponent");

    public override string? FieldValue(JsonObject @event, string fieldPath)
    {
        switch (fieldPath)
        {
            case "type" or "reason":
                return @event.Text(fieldPath);
            case "reportingController" when !IsCore:
                return @event.Text("reportingController");
            // The core field is written reportingComponent, but selects by the reporting controller.
            case "reportingComponent" when IsCore:
                return @event.Text("reportingComponent");
            case "source" when IsCore:
                return @event.Text("source", "component") is { Length: > 0 } component ? component : @event.Text("reportingComponent");
        }

        var dot = fieldPath.IndexOf('.');
        return dot > 0 && fieldPath[..dot] == involvedObject && SelectableFields.Contains(fieldPath) ? @event.Text(involvedObject, fieldPath[(dot + 1)..]) : null;
    }

    public override void Validate(JsonObject @event, FieldErrors errors, StrategyContext context) => EventRules.Validate(@event, IsCore, errors);

    public override void ValidateUpdate(JsonObject @event, JsonObject old, FieldErrors errors, StrategyContext context) =>
        EventRules.ValidateUpdate(@event, old, IsCore, errors);
}
