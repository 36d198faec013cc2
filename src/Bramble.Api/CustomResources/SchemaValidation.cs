using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.Api.CustomResources;

/// <summary>Checks a custom resource against its openAPIV3Schema, in the words of kube-openapi's validator. Pure.</summary>
public static class SchemaValidation
{
    private const long DoubleCountMax = (1L << 53) - 1;

    /// <param name="old">What was stored: a value that did not change is not complained of (KEP-4008); null on create.</param>
    public static void Validate(JsonObject obj, JsonObject? old, JsonObject schema, FieldErrors errors) => Check(obj, old, old is not null, schema, "", errors);

    /// <summary>Of a write to the status: what is wrong beside it, by a newer schema perhaps, does not keep a controller from telling what it sees.</summary>
    public static void ValidateStatus(JsonObject obj, JsonObject old, JsonObject schema, FieldErrors errors)
    {
        if (schema["properties"]?["status"] is JsonObject status && obj.TryGetPropertyValue("status", out var value)) Check(value, old["status"], old["status"] is not null, status, "status", errors);
    }

    /// <summary>A value alone, of which nothing is taken for granted.</summary>
    public static void ValidateValue(JsonNode value, JsonObject schema, FieldErrors errors) => Check(value, null, false, schema, "", errors);

    private static void Check(JsonNode? value, JsonNode? old, bool hasOld, JsonObject schema, string path, FieldErrors errors)
    {
        if (hasOld && Ratcheting.IsUnchanged(value, old, schema)) return;
        if (value is null)
        {
            if (!StructuralSchema.IsTrue(schema, "nullable") && TypesOf(schema) is { Length: > 0 } wanted)
                TypeInvalid(path, "null", wanted, errors);
            // Also where null is allowed and listed: upstream does not find it there.
            if (schema["enum"] is JsonArray) errors.NotSupported(path, null, Shown(schema));
            return;
        }
        if (TypesOf(schema) is { Length: > 0 } types && !HasType(value, types))
        {
            TypeInvalid(path, NameOf(value), types, errors);
            // Upstream's number validator looks on, and says so in its own way.
            if (types == "integer" && value.GetValueKind() == JsonValueKind.Number)
            {
                OutOfRange(schema, path, errors);
                Bounds(value, schema, path, errors);
            }
            return;
        }
        if (schema["enum"] is JsonArray allowed && !allowed.Any(a => JsonNode.DeepEquals(a, value)))
            errors.NotSupported(path, value, Shown(schema));
        switch (value)
        {
            case JsonObject map:
                Map(map, old as JsonObject, hasOld, schema, path, errors);
                break;
            case JsonArray list:
                List(list, old as JsonArray, hasOld, schema, path, errors);
                break;
            case JsonValue scalar when scalar.GetValueKind() == JsonValueKind.String:
                Strings(scalar.GetValue<string>(), schema, path, errors);
                break;
            case JsonValue scalar when scalar.GetValueKind() == JsonValueKind.Number:
                Numbers(scalar, schema, path, errors);
                break;
        }
        Combinations(value, schema, path, errors);
    }

    private static void Map(JsonObject map, JsonObject? old, bool hasOld, JsonObject schema, string path, FieldErrors errors)
    {
        if (Number(schema, "maxProperties") is { } most && map.Count > most) errors.TooMany(path, map.Count, (int)most);
        if (Number(schema, "minProperties") is { } least && map.Count < least) errors.Invalid(path, map.Count, $"{path} in body should have at least {Show(least)} properties");
        var properties = schema["properties"] as JsonObject;
        var others = schema["additionalProperties"] as JsonObject;
        var isClosed = schema["additionalProperties"]?.GetValueKind() == JsonValueKind.False;
        foreach (var name in Texts(schema, "required"))
            if (!map.ContainsKey(name)) errors.Required(Join(path, name));
        foreach (var (name, value) in map)
        {
            JsonNode? before = null;
            // That of the object itself is always the version that is asked, whatever it was before.
            var hadIt = hasOld && old is not null && !(path.Length == 0 && name is ("apiVersion" or "kind")) && old.TryGetPropertyValue(name, out before);
            if (properties?[name] is JsonObject type) Check(value, before, hadIt, type, Join(path, name), errors);
            else if (others is not null) Check(value, before, hadIt, others, Join(path, name), errors);
            else if (isClosed) errors.Invalid(path, name, $"{path}.{name} in body is a forbidden property");
        }
    }

    private static void List(JsonArray list, JsonArray? old, bool hasOld, JsonObject schema, string path, FieldErrors errors)
    {
        if (Number(schema, "maxItems") is { } most && list.Count > most) errors.TooMany(path, list.Count, (int)most);
        if (Number(schema, "minItems") is { } least && list.Count < least) errors.Invalid(path, list.Count, $"{path} in body should have at least {Show(least)} items");
        if (schema["items"] is not JsonObject items) return;
        var known = hasOld ? ListKeys.Index(old, schema) : null;
        for (var i = 0; i < list.Count; i++)
        {
            // Only by its keys an item is known again; what stands at a place now may have stood elsewhere.
            var before = ListKeys.Find(known, list[i], schema);
            Check(list[i], before, before is not null, items, $"{path}[{i.ToString(CultureInfo.InvariantCulture)}]", errors);
        }
    }

    private static void Strings(string text, JsonObject schema, string path, FieldErrors errors)
    {
        var length = text.EnumerateRunes().Count();
        if (Number(schema, "maxLength") is { } most && length > most) errors.TooLong(path, (int)most);
        if (Number(schema, "minLength") is { } least && length < least) errors.Invalid(path, text, $"{path} in body should be at least {Show(least)} chars long");
        if (StructuralSchema.Text(schema, "pattern") is { Length: > 0 } pattern && !Matches(text, pattern)) errors.Invalid(path, text, $"{path} in body should match '{pattern}'");
        var format = StructuralSchema.Text(schema, "format");
        if (!SchemaFormats.Has(text, format)) TypeInvalid(path, text, format, errors);
    }

    private static bool Matches(string text, string pattern)
    {
        try
        {
            return Cel.GoPattern.Compile(pattern).IsMatch(text);
        }
        catch (ArgumentException)
        {
            return false; // stored before patterns were looked at
        }
    }

    private static void Numbers(JsonNode value, JsonObject schema, string path, FieldErrors errors)
    {
        var (type, format) = (StructuralSchema.Text(schema, "type"), StructuralSchema.Text(schema, "format"));
        if (TryDecimal(value, out var number) && (type == "integer" ? format == "int32" && number is < int.MinValue or > int.MaxValue : format == "float" && Math.Abs((double)number) > float.MaxValue))
            OutOfRange(schema, path, errors);
        Bounds(value, schema, path, errors);
    }

    private static void OutOfRange(JsonObject schema, string path, FieldErrors errors)
    {
        var format = StructuralSchema.Text(schema, "format");
        Whole($"Checked value must be of type {StructuralSchema.Text(schema, "type")} {(format is "int32" or "int64" or "float" or "double" ? $"with format {format}" : "(default format)")} in {path}", errors);
    }

    private static void Bounds(JsonNode value, JsonObject schema, string path, FieldErrors errors)
    {
        if (!TryDecimal(value, out var number)) return;
        if (Number(schema, "maximum") is { } most && (StructuralSchema.IsTrue(schema, "exclusiveMaximum") ? number >= most : number > most))
            errors.Invalid(path, value, $"{path} in body should be less than {(StructuralSchema.IsTrue(schema, "exclusiveMaximum") ? "" : "or equal to ")}{Show(most)}");
        if (Number(schema, "minimum") is { } least && (StructuralSchema.IsTrue(schema, "exclusiveMinimum") ? number <= least : number < least))
            errors.Invalid(path, value, $"{path} in body should be greater than {(StructuralSchema.IsTrue(schema, "exclusiveMinimum") ? "" : "or equal to ")}{Show(least)}");
        if (Number(schema, "multipleOf") is { } step && step != 0 && number % step != 0) errors.Invalid(path, value, $"{path} in body should be a multiple of {Show(step)}");
    }

    /// <summary>allOf, anyOf, oneOf and not: value validations beside the structure.</summary>
    private static void Combinations(JsonNode value, JsonObject schema, string path, FieldErrors errors)
    {
        foreach (var part in Schemas(schema, "allOf")) Check(value, null, false, part, path, errors);
        if (Schemas(schema, "anyOf") is { Count: > 0 } any)
        {
            var tries = any.Select(part => Try(value, part, path)).ToList();
            if (tries.All(t => t.Count > 0))
            {
                Whole($"\"{path}\" must validate at least one schema (anyOf)", errors);
                errors.AddRange(tries.MinBy(t => t.Count)!);
            }
        }
        if (Schemas(schema, "oneOf") is { Count: > 0 } one)
        {
            var tries = one.Select(part => Try(value, part, path)).ToList();
            var valid = tries.Count(t => t.Count == 0);
            if (valid != 1) Whole($"\"{path}\" must validate one and only one schema (oneOf). Found {(valid == 0 ? "none valid" : $"{valid} valid alternatives")}", errors);
            if (valid == 0) errors.AddRange(tries.MinBy(t => t.Count)!);
        }
        if (schema["not"] is JsonObject not && Try(value, not, path).Count == 0) Whole($"\"{path}\" must not validate the schema (not)", errors);
    }

    private static FieldErrors Try(JsonNode value, JsonObject schema, string path)
    {
        var found = new FieldErrors();
        Check(value, null, false, schema, path, found);
        return found;
    }

    private static void Whole(string message, FieldErrors errors) => errors.Add(new FieldError(FieldErrorType.Invalid, "<nil>", "\"\"", message));

    private static void TypeInvalid(string path, string found, string wanted, FieldErrors errors) =>
        errors.Add(new FieldError(FieldErrorType.TypeInvalid, path, FieldError.Quote(found), $"{path} in body must be of type {wanted}: {FieldError.Quote(found)}"));

    private static string TypesOf(JsonObject schema) => StructuralSchema.IsTrue(schema, "x-kubernetes-int-or-string") ? "integer,string" : StructuralSchema.Text(schema, "type");

    private static bool HasType(JsonNode value, string types) => types switch
    {
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "string" => value.GetValueKind() == JsonValueKind.String,
        "boolean" => value.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
        "number" => value.GetValueKind() == JsonValueKind.Number,
        "integer" => IsInteger(value),
        "integer,string" => value.GetValueKind() == JsonValueKind.String || IsInteger(value),
        _ => true,
    };

    /// <summary>A whole number; one with a point or an exponent only as far as a double can count.</summary>
    private static bool IsInteger(JsonNode value) => Decoding.GoFormat.IsInteger(value, out _)
        || (value.GetValueKind() == JsonValueKind.Number && TryDecimal(value, out var number) && number == decimal.Truncate(number) && Math.Abs(number) <= DoubleCountMax);

    private static string NameOf(JsonNode value) => value switch
    {
        JsonObject => "object",
        JsonArray => "array",
        _ => value.GetValueKind() switch
        {
            JsonValueKind.String => "string",
            JsonValueKind.Number => IsInteger(value) ? "integer" : "number",
            _ => "boolean",
        },
    };

    private static bool TryDecimal(JsonNode? value, out decimal number)
    {
        number = 0;
        return value is JsonValue scalar && scalar.GetValueKind() == JsonValueKind.Number
            && decimal.TryParse(scalar.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    private static decimal? Number(JsonObject schema, string name) => TryDecimal(schema[name], out var number) ? number : null;

    private static string Show(decimal number) => number.ToString("0.############", CultureInfo.InvariantCulture);

    private static IEnumerable<string> Shown(JsonObject schema) =>
        (schema["enum"] as JsonArray ?? []).Select(a => a is JsonValue v && v.TryGetValue<string>(out var text) ? text : a?.ToJsonString() ?? "null");

    private static List<string> Texts(JsonObject schema, string name) => schema[name] is JsonArray list ? [.. list.Select(item => (string)item!)] : [];

    private static List<JsonObject> Schemas(JsonObject schema, string name) => schema[name] is JsonArray list ? [.. list.OfType<JsonObject>()] : [];

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
