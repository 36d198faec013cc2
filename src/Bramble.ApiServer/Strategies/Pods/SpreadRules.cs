using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Topology spread constraints.</summary>
internal static class SpreadRules
{
    public static void Validate(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        foreach (var (index, constraint) in spec.Items("topologySpreadConstraints"))
        {
            var (at, key, action) = (path.Index(index), constraint.Text("topologyKey"), constraint.Text("whenUnsatisfiable"));
            NumberRules.MustBePositive(constraint.Long("maxSkew"), at.Child("maxSkew"), errors);
            if (key.Length == 0) errors.Required(at.Child("topologyKey"), "can not be empty");
            if (action is not ("DoNotSchedule" or "ScheduleAnyway")) errors.NotSupported(at.Child("whenUnsatisfiable"), action, ["DoNotSchedule", "ScheduleAnyway"]);
            foreach (var (other, rest) in spec.Items("topologySpreadConstraints"))
            {
                if (other <= index || rest.Text("topologyKey") != key || rest.Text("whenUnsatisfiable") != action) continue;
                errors.Duplicate(at.Child("{topologyKey, whenUnsatisfiable}"), $"{{{key}, {action}}}");
                break;
            }

            if (constraint.LongOrNull("minDomains") is { } domains)
            {
                NumberRules.MustBePositive(domains, at.Child("minDomains"), errors);
                if (action != "DoNotSchedule") errors.Invalid(at.Child("minDomains"), domains, $"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            }

            EnumRules.Optional(constraint, "nodeAffinityPolicy", at, errors, "Honor", "Ignore");
            EnumRules.Optional(constraint, "nodeTaintsPolicy", at, errors, "Honor", "Ignore");
            LabelKeyRules.Validate(constraint, at, errors);
            SelectorRules.Validate(constraint.Object("labelSelector"), at.Child("labelSelector"), errors);
        }
    }
}
