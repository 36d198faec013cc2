using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of PriorityLevelConfigurations.</summary>
internal static class PriorityLevelRules
{
    private const int MaxHashBits = 60;
    private const string ZeroSharesAnnotation = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";

    private static readonly JsonNode CatchAll = JsonNode.Parse("""{"type":"Limited","limited":{"nominalConcurrencyShares":5,"limitResponse":{"type":"Reject"},"lendablePercent":0}}""")!;

    public static void Validate(JsonObject level, FieldErrors errors)
    {
        if (level.Annotations().Has(ZeroSharesAnnotation)) errors.Forbidden("metadata.annotations", $"annotation '{ZeroSharesAnnotation}' is forbidden");
        var (spec, path, name) = (level.Object("spec") ?? [], FieldPath.Spec, level.ObjectName());
        var type = spec.Text("type");
        if (name == "exempt" != (type == "Exempt")) errors.Invalid(path.Child("type"), type, "must be 'Exempt' if and only if `name` is 'exempt'");
        switch (type)
        {
            case "Exempt":
                if (spec.Has("limited")) errors.Forbidden(path.Child("limited"), "must be nil if the type is not Limited");
                if (spec.Object("exempt") is { } exempt) Shares(exempt, path.Child("exempt"), errors);
                break;
            case "Limited":
                if (spec.Has("exempt")) errors.Forbidden(path.Child("exempt"), "must be nil if the type is Limited");
                if (spec.Object("limited") is { } limited) Limited(limited, path.Child("limited"), errors);
                else errors.Required(path.Child("limited"), "must not be empty when type is Limited");
                break;
            default:
                errors.NotSupported(path.Child("type"), type, ["Exempt", "Limited"]);
                break;
        }

        if (name == "exempt" && (type != "Exempt" || spec.Has("limited"))) errors.Invalid(path, Shown(spec), "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value");
        if (name == "catch-all" && !TreeEquality.Same(spec, CatchAll)) errors.Invalid(path, Shown(spec), "spec of 'catch-all' must equal the fixed value");
        FlowControlStatus.Validate(level, errors);
    }

    private static JsonNode? Shown(JsonObject spec) => InternalStruct.Show(spec, "flowcontrol.v1.PriorityLevelConfigurationSpec");

    private static void Limited(JsonObject limited, FieldPath path, FieldErrors errors)
    {
        if (limited.Long("nominalConcurrencyShares") < 0) errors.Invalid(path.Child("nominalConcurrencyShares"), limited.Long("nominalConcurrencyShares"), "must be a non-negative integer");
        var (response, at) = (limited.Object("limitResponse"), path.Child("limitResponse"));
        switch (response.Text("type"))
        {
            case "Reject":
                if (response.Has("queuing")) errors.Forbidden(at.Child("queuing"), "must be nil if limited.limitResponse.type is not Limited");
                break;
            case "Queue":
                if (response.Object("queuing") is { } queuing) Queuing(queuing, at.Child("queuing"), errors);
                else errors.Required(at.Child("queuing"), "must not be empty if limited.limitResponse.type is Limited");
                break;
            case { } other:
                errors.NotSupported(at.Child("type"), other, ["Queue", "Reject"]);
                break;
        }

        Lendable(limited, path, errors);
        if (limited.LongOrNull("borrowingLimitPercent") is < 0 and var borrowing) errors.Invalid(path.Child("borrowingLimitPercent"), borrowing, "if specified, must be a non-negative integer");
    }

    private static void Shares(JsonObject exempt, FieldPath path, FieldErrors errors)
    {
        if (exempt.LongOrNull("nominalConcurrencyShares") is < 0 and var shares) errors.Invalid(path.Child("nominalConcurrencyShares"), shares, "must be a non-negative integer");
        Lendable(exempt, path, errors);
    }

    private static void Lendable(JsonObject level, FieldPath path, FieldErrors errors)
    {
        if (level.LongOrNull("lendablePercent") is (< 0 or > 100) and var percent) errors.Invalid(path.Child("lendablePercent"), percent, "must be between 0 and 100, inclusive");
    }

    private static void Queuing(JsonObject queuing, FieldPath path, FieldErrors errors)
    {
        var (length, queues, hand) = (queuing.Long("queueLengthLimit"), queuing.Long("queues"), queuing.Long("handSize"));
        if (length <= 0) errors.Invalid(path.Child("queueLengthLimit"), length, "must be positive");
        if (queues <= 0) errors.Invalid(path.Child("queues"), queues, "must be positive");
        else if (queues > 10_000_000) errors.Invalid(path.Child("queues"), queues, "must not be greater than 10000000");
        if (hand <= 0)
        {
            errors.Invalid(path.Child("handSize"), hand, "must be positive");
        }
        else if (hand > queues)
        {
            errors.Invalid(path.Child("handSize"), hand, $"should not be greater than queues ({queues})");
        }
        else if (Math.Ceiling(Math.Log2(queues) * hand) > MaxHashBits)
        {
            errors.Invalid(path.Child("handSize"), hand, $"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {MaxHashBits}");
        }
    }
}
