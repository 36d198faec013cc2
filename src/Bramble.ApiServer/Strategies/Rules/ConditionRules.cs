using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Conditions of a status that are metav1.Condition (apimachinery's ValidateConditions).</summary>
internal static partial class ConditionRules
{
    private const string ReasonFormat = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
    private const int ReasonBytesMax = 1024;
    private const int MessageBytesMax = 32 * 1024;

    /// <param name="tree">What has the <c>conditions</c>.</param>
    public static void Validate(JsonObject? tree, FieldPath path, FieldErrors errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, condition) in tree.Items("conditions"))
        {
            var (at, type, reason) = (path.Index(index), condition.Text("type"), condition.Text("reason"));
            if (!seen.Add(type)) errors.Duplicate(at.Child("type"), type);
            errors.InvalidEach(at.Child("type"), type, Formats.LabelKey(type));
            if (condition.Text("status") is not ("True" or "False" or "Unknown")) errors.NotSupported(at.Child("status"), condition.Text("status"), ["False", "True", "Unknown"]);
            if (condition.Long("observedGeneration") < 0) errors.Invalid(at.Child("observedGeneration"), condition.Long("observedGeneration"), "must be greater than or equal to zero");
            if (!condition.Has("lastTransitionTime")) errors.Required(at.Child("lastTransitionTime"));
            Reason(reason, at.Child("reason"), errors);
            if (Encoding.UTF8.GetByteCount(condition.Text("message")) > MessageBytesMax) errors.TooLong(at.Child("message"), MessageBytesMax);
        }
    }

    private static void Reason(string reason, FieldPath path, FieldErrors errors)
    {
        if (reason.Length == 0)
        {
            errors.Required(path);
            return;
        }

        if (!ReasonText().IsMatch(reason))
            errors.Invalid(
                path,
                reason,
                Formats.Mismatch(
                    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
                    ReasonFormat,
                    "my_name",
                    "MY_NAME",
                    "MyName",
                    "ReasonA,ReasonB",
                    "ReasonA:ReasonB"));
        if (reason.Length > ReasonBytesMax) errors.TooLong(path, ReasonBytesMax);
    }

    [GeneratedRegex("^" + ReasonFormat + "$")]
    private static partial Regex ReasonText();
}
