using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What classes, claims and slices of devices have in common: selectors, configuration, taints, tolerations, binding conditions.</summary>
internal static class DeviceRules
{
    private static readonly CelEnvironment DeviceEnvironment = CelEnvironment.ForDevices();

    public const int ListMax = 32;
    private const int ParameterBytesMax = 10 * 1024;
    private const int ExpressionBytesMax = 10 * 1024;
    private const ulong ExpressionCostMax = 1_000_000;
    private static readonly string[] Effects = ["NoExecute", "NoSchedule", "None"];

    /// <summary>A list that is too long is not looked into.</summary>
    public static bool IsTooLong(JsonObject? tree, string list, int max, FieldPath path, FieldErrors errors)
    {
        if (tree.Count(list) <= max) return false;
        errors.TooMany(path, tree.Count(list), max);
        return true;
    }

    public static void Selectors(JsonObject tree, FieldPath path, FieldErrors errors)
    {
        if (IsTooLong(tree, "selectors", ListMax, path, errors)) return;
        foreach (var (index, selector) in tree.Items("selectors"))
        {
            var at = path.Index(index).Child("cel");
            if (selector.Object("cel") is { } cel) Expression(cel.Text("expression"), at.Child("expression"), errors);
            else errors.Required(at);
        }
    }

    private static void Expression(string expression, FieldPath path, FieldErrors errors)
    {
        if (Encoding.UTF8.GetByteCount(expression) > ExpressionBytesMax)
        {
            errors.TooLong(path, ExpressionBytesMax);
            return;
        }

        try
        {
            var program = CelProgram.Compile(expression, DeviceEnvironment);
            if (program.TypeName is not ("bool" or "any")) errors.Invalid(path, expression, $"must evaluate to bool or the unknown type, not {program.TypeName}");
            else if (program.CostMax(CelEnvironment.Device) > ExpressionCostMax) errors.Forbidden(path, "too complex, exceeds cost limit");
        }
        catch (CelSyntaxException e)
        {
            errors.Invalid(path, expression, $"compilation failed: {e.Message}");
        }
    }

    /// <summary>The configuration of a class, a claim or an allocation.</summary>
    public static void Configuration(JsonObject configuration, bool isStored, FieldPath path, FieldErrors errors)
    {
        var at = path.Child("opaque");
        if (configuration.Object("opaque") is not { } opaque)
        {
            errors.Required(at);
            return;
        }

        DeviceNameRules.Driver(opaque.Text("driver"), at.Child("driver"), errors);
        RawObject(opaque, "parameters", ParameterBytesMax, isStored, at.Child("parameters"), errors);
    }

    /// <summary>An embedded JSON object of a driver. Its size is not looked at again once stored.</summary>
    public static void RawObject(JsonObject tree, string name, int bytesMax, bool isStored, FieldPath path, FieldErrors errors)
    {
        if (!tree.Has(name)) errors.Required(path);
        else if (!isStored && Encoding.UTF8.GetByteCount(FieldError.Show(tree[name])) > bytesMax) errors.TooLong(path, bytesMax);
        else if (tree.Object(name) is null) errors.Invalid(path, "<value omitted>", "must be a valid JSON object");
    }

    public static void Tolerations(JsonObject request, FieldPath path, FieldErrors errors)
    {
        foreach (var (index, toleration) in request.Items("tolerations"))
        {
            var (at, key, value) = (path.Index(index), toleration.Text("key"), toleration.Text("value"));
            if (key.Length > 0) errors.InvalidEach(at.Child("key"), key, Formats.LabelKey(key));
            switch (toleration.Text("operator"))
            {
                case "Exists":
                    if (value.Length > 0) errors.Invalid(at.Child("value"), value, "must be empty for operator `Exists`");
                    break;
                case "Equal":
                    errors.InvalidEach(at.Child("value"), value, Formats.LabelValue(value));
                    break;
                case "":
                    errors.Required(at.Child("operator"));
                    break;
                case var other:
                    errors.NotSupported(at.Child("operator"), other, ["Equal", "Exists"]);
                    break;
            }

            if (toleration.Text("effect") is { Length: > 0 } effect && !Effects.Contains(effect)) errors.NotSupported(at.Child("effect"), effect, Effects);
        }
    }

    public static void Taint(JsonObject taint, FieldPath path, FieldErrors errors)
    {
        var (key, value, effect) = (taint.Text("key"), taint.Text("value"), taint.Text("effect"));
        errors.InvalidEach(path.Child("key"), key, Formats.LabelKey(key));
        if (value.Length > 0) errors.InvalidEach(path.Child("value"), value, Formats.LabelValue(value));
        if (effect.Length == 0) errors.Required(path.Child("effect"));
        else if (!Effects.Contains(effect)) errors.NotSupported(path.Child("effect"), effect, Effects);
    }

    /// <summary>Conditions a device must reach before its pod is bound, and those that end the attempt: KEP-5007. The one needs the other.</summary>
    public static void BindingConditions(JsonObject device, FieldPath path, FieldErrors errors)
    {
        const string wanted = "bindingConditions", failing = "bindingFailureConditions";
        var all = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var list in (ReadOnlySpan<string>)[wanted, failing])
        {
            all[list] = [.. device.Texts(list)];
            if (IsTooLong(device, list, 4, path.Child(list), errors)) continue;
            for (var i = 0; i < all[list].Count; i++) errors.InvalidEach(path.Child(list).Index(i), all[list][i], Formats.LabelKey(all[list][i]));
        }

        foreach (var list in (ReadOnlySpan<string>)[wanted, failing])
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            for (var i = 0; i < all[list].Count; i++)
            {
                var (condition, at) = (all[list][i], path.Child(list).Index(i));
                if (!seen.Add(condition)) errors.Duplicate(at, condition);
                if (list == failing && all[wanted].Contains(condition)) errors.Invalid(at, condition, "bindingFailureConditions must not overlap with bindingConditions");
            }
        }

        if (all[wanted].Count == 0 && all[failing].Count > 0) errors.Invalid(path.Child(wanted), device[wanted]?.DeepClone(), "bindingConditions are required to use bindingFailureConditions");
        if (all[failing].Count == 0 && all[wanted].Count > 0) errors.Invalid(path.Child(failing), device[failing]?.DeepClone(), "bindingFailureConditions are required to use bindingConditions");
    }
}
