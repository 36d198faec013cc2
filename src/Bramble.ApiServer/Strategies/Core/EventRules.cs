using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Events: lenient in v1, strict in events.k8s.io/v1. Messages name the fields as v1 does in both.</summary>
internal static class EventRules
{
    private static readonly FieldPath InvolvedNamespace = FieldPath.Of("involvedObject").Child("namespace");

    public static void Validate(JsonObject @event, bool isCore, FieldErrors errors)
    {
        Lenient(@event, isCore, errors);
        if (isCore) return;
        Series(@event, errors);
        if (!@event.Has("eventTime")) errors.Required("eventTime");
        if (@event.Text("type") is not ("Normal" or "Warning")) errors.Invalid("type", "", $"has invalid value: {@event.Text("type")}");
        foreach (var (field, shown) in (ReadOnlySpan<(string, string)>)[("deprecatedFirstTimestamp", "firstTimestamp"), ("deprecatedLastTimestamp", "lastTimestamp")])
            if (@event.Has(field)) errors.Invalid(shown, "", "needs to be unset");
        if (@event.Long("deprecatedCount") != 0) errors.Invalid("count", "", "needs to be unset");
        var source = @event.Object("deprecatedSource");
        if (source.Text("component").Length > 0 || source.Text("host").Length > 0) errors.Invalid("source", "", "needs to be unset");
    }

    private static void Lenient(JsonObject @event, bool isCore, FieldErrors errors)
    {
        var (ns, involved) = (@event.ObjectNamespace(), @event.Text(isCore ? "involvedObject" : "regarding", "namespace"));
        if (!@event.Has("eventTime"))
        {
            if (involved.Length == 0 ? ns is not ("" or "default") : ns != involved) errors.Invalid(InvolvedNamespace, involved, "does not match event.namespace");
        }
        else
        {
            if (involved.Length == 0 && ns is not ("default" or "kube-system")) errors.Invalid(InvolvedNamespace, involved, "does not match event.namespace");
            var name = isCore ? "reportingComponent" : "reportingController";
            var reporter = @event.Text(name);
            if (reporter.Length == 0) errors.Required(name);
            errors.InvalidEach(name, reporter, Formats.LabelKey(reporter));
            foreach (var (field, max) in (ReadOnlySpan<(string, int)>)[("reportingInstance", 128), ("action", 128), ("reason", 128)])
            {
                if (@event.Text(field).Length == 0) errors.Required(field);
                if (Encoding.UTF8.GetByteCount(@event.Text(field)) > max) errors.Invalid(field, "", $"can have at most {max} characters");
            }

            if (Encoding.UTF8.GetByteCount(@event.Text(isCore ? "message" : "note")) > 1024) errors.Invalid("message", "", "can have at most 1024 characters");
        }

        errors.InvalidEach("namespace", ns, Formats.DnsSubdomain(ns));
    }

    private static void Series(JsonObject @event, FieldErrors errors)
    {
        if (@event.Object("series") is not { } series) return;
        if (series.Long("count") < 2) errors.Invalid("series.count", "", "should be at least 2");
        if (!series.Has("lastObservedTime")) errors.Required("series.lastObservedTime");
    }

    public static void ValidateUpdate(JsonObject @event, JsonObject old, bool isCore, FieldErrors errors)
    {
        Lenient(@event, isCore, errors);
        if (isCore) return;
        if (@event.Differs(old, "series")) Series(@event, errors);
        foreach (var (field, shown) in (ReadOnlySpan<(string, string)>)
                 [
                     ("regarding", "involvedObject"), ("reason", "reason"), ("note", "message"), ("deprecatedSource", "source"), ("deprecatedFirstTimestamp", "firstTimestamp"),
                     ("deprecatedLastTimestamp", "lastTimestamp"), ("deprecatedCount", "count"), ("reason", "reason"), ("type", "type"), ("eventTime", "eventTime"),
                     ("action", "action"), ("related", "related"), ("reportingController", "reportingController"), ("reportingInstance", "reportingInstance"),
                 ])
            ImmutableRules.Field(@event, old, field, FieldPath.Of(shown), errors);
    }
}
