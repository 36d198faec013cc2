using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of StorageClasses and VolumeAttributesClasses.</summary>
internal static class StorageClassRules
{
    private static readonly string[] ImmutableFields = ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"];

    public static void Validate(JsonObject @class, FieldErrors errors)
    {
        Provisioner(@class, "provisioner", errors);
        Parameters(@class, allowsEmpty: true, errors);
        if (@class.Text("reclaimPolicy") is { Length: > 0 } policy and not ("Delete" or "Retain")) errors.NotSupported("reclaimPolicy", policy, ["Delete", "Retain"]);
        var mode = @class.TextOrNull("volumeBindingMode");
        if (mode is null) errors.Required("volumeBindingMode");
        else if (mode is not ("Immediate" or "WaitForFirstConsumer")) errors.NotSupported("volumeBindingMode", mode, ["Immediate", "WaitForFirstConsumer"]);
        Topologies(@class, errors);
    }

    private static void Provisioner(JsonObject @class, string field, FieldErrors errors)
    {
        if (@class.Text(field).ToLowerInvariant() is { Length: > 0 } provisioner) errors.InvalidEach(field, provisioner, Formats.LabelKey(provisioner));
        else errors.Required(field);
    }

    private static void Parameters(JsonObject @class, bool allowsEmpty, FieldErrors errors)
    {
        if (@class.Count("parameters") > 512)
        {
            errors.TooLong("parameters", 512);
            return;
        }

        var total = 0;
        foreach (var (key, value) in @class.TextMap("parameters"))
        {
            if (key.Length == 0) errors.Invalid("parameters", key, "field can not be empty.");
            total += Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value);
        }

        if (total > 256 * 1024) errors.TooLong("parameters", 256 * 1024);
        if (!allowsEmpty && @class.Count("parameters") == 0) errors.Required("parameters", "must contain at least one key/value pair");
    }

    private static void Topologies(JsonObject @class, FieldErrors errors)
    {
        // Upstream begins with one empty term for each that is given: a term without requirements is a duplicate at once.
        var terms = Enumerable.Repeat("", @class.Count("allowedTopologies")).ToList();
        foreach (var (index, term) in @class.Items("allowedTopologies"))
        {
            var (path, keys) = (FieldPath.Of("allowedTopologies").Index(index).Child("matchLabelExpressions"), new SortedDictionary<string, string>(StringComparer.Ordinal));
            foreach (var (position, requirement) in term.Items("matchLabelExpressions"))
            {
                var (at, key, values, number) = (path.Index(position), requirement.Text("key"), new SortedSet<string>(StringComparer.Ordinal), 0);
                if (requirement.Count("values") == 0) errors.Required(at.Child("values"));
                foreach (var value in requirement.Texts("values"))
                {
                    if (!values.Add(value)) errors.Duplicate(at.Child("values").Index(number), value);
                    number++;
                }

                errors.InvalidEach(at.Child("key"), key, Formats.LabelKey(key));
                if (keys.ContainsKey(key)) errors.Duplicate(at.Child("key"), key);
                keys[key] = string.Join('\0', values);
            }

            var shape = string.Join('\x01', keys.Select(key => $"{key.Key}\x02{key.Value}"));
            foreach (var _ in terms.Where(known => known == shape)) errors.Duplicate(path, "");
            terms.Add(shape);
        }
    }

    public static void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors)
    {
        Validate(@class, errors);
        foreach (var field in ImmutableFields) ImmutableRules.Field(@class, old, field, FieldPath.Of(field), errors);
    }

    public static void ValidateAttributes(JsonObject @class, FieldErrors errors)
    {
        Provisioner(@class, "driverName", errors);
        Parameters(@class, allowsEmpty: false, errors);
    }

    public static void ValidateAttributesUpdate(JsonObject @class, JsonObject old, FieldErrors errors)
    {
        foreach (var (field, what) in (ReadOnlySpan<(string, string)>)[("driverName", "updates to driverName are forbidden."), ("parameters", "updates to parameters are forbidden.")])
            if (@class.Differs(old, field)) errors.Forbidden(field, what);
        ValidateAttributes(@class, errors);
    }

    public static IEnumerable<string> Warnings(JsonObject @class)
    {
        var warnings = new List<string>();
        foreach (var (index, term) in @class.Items("allowedTopologies"))
            foreach (var (position, requirement) in term.Items("matchLabelExpressions"))
                if (NodeLabels.Deprecation(requirement.Text("key")) is { } message)
                    warnings.Add($"{FieldPath.Of("allowedTopologies").Index(index).Child("matchLabelExpressions").Index(position).Child("key")}: {message}");
        return warnings;
    }
}
