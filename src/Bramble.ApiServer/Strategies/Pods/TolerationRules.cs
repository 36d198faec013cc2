using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Tolerations of taints.</summary>
internal static class TolerationRules
{
    public static readonly string[] Effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

    public static void Validate(JsonObject owner, FieldPath path, FieldErrors errors)
    {
        foreach (var (index, toleration) in owner.Items("tolerations"))
        {
            var (at, key, @operator, effect, value) = (path.Index(index), toleration.Text("key"), toleration.Text("operator"), toleration.Text("effect"), toleration.Text("value"));
            if (key.Length > 0) errors.InvalidEach(at.Child("key"), key, Formats.LabelKey(key));
            if (key.Length == 0 && @operator != "Exists")
                errors.Invalid(at.Child("operator"), @operator, "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
            if (toleration.Has("tolerationSeconds") && effect != "NoExecute") errors.Invalid(at.Child("effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
            switch (@operator)
            {
                case "Equal" or "":
                    if (Formats.LabelValue(value) is { Count: > 0 } complaints) errors.Invalid(at.Child("operator"), value, string.Join(";", complaints));
                    break;
                case "Exists":
                    if (value.Length > 0) errors.Invalid(at.Child("operator"), value, "value must be empty when `operator` is 'Exists'");
                    break;
                case "Lt" or "Gt":
                    // Known, but its feature gate is off.
                    errors.NotSupported(at.Child("operator"), @operator, ["Equal", "Exists", "Lt", "Gt"]);
                    break;
                default:
                    errors.NotSupported(at.Child("operator"), @operator, ["Equal", "Exists"]);
                    break;
            }

            if (effect.Length > 0 && !Effects.Contains(effect)) errors.NotSupported(at.Child("effect"), effect, Effects);
        }
    }
}
