using System.Reflection;
using System.Text;
using System.Text.Json;
using k8s;
using k8s.Models;

namespace Bramble.Client.Tests;

public sealed class ModelJsonTests
{
    public static TheoryData<Type> Listed => [.. typeof(ModelJson).GetCustomAttributes<ReadsModelAttribute>().Select(a => a.Model)];

    [Theory]
    [MemberData(nameof(Listed))]
    public void Every_property_of_a_listed_model_is_read_as_the_client_library_reads_it(Type kind)
    {
        // Property by property, with other values each: what the library's converters write of the model that was filled, and of the one that was read from that.
        var written = JsonSerializer.Serialize(Filled(kind, 0, new Counter()), kind, Options);
        Assert.Equal(written, JsonSerializer.Serialize(Read(kind, written), kind, Options));
    }

    [Fact]
    public void A_model_keeps_no_managedFields_and_all_else()
    {
        var pod = Read<V1Pod>("""
            {"metadata":{"name":"p","managedFields":[{"manager":"kubectl","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:containers":{} } } }],"labels":{"a":"b"} },
             "spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]} }
            """);
        Assert.Null(pod.Metadata.ManagedFields);
        Assert.Equal(("p", "b", "n", "i"), (pod.Metadata.Name, pod.Metadata.Labels["a"], pod.Spec.NodeName, pod.Spec.Containers[0].Image));
    }

    [Fact]
    public void Unknown_fields_null_any_order_and_escaped_names_are_read_over()
    {
        var pod = Read<V1Pod>("""
            {"spec":{"zzz":{"a":[1,{"b":null}]},"terminationGracePeriodSeconds":null,"priority":null,"node\u004eame":"n","activeDeadlineSeconds":7,"containers":[]},
             "status":null,"metadata":{"uid":"u","name":"p","annotations":{"k":null,"k":"last"},"finalizers":["a",null]},"more":[]}
            """);
        Assert.Equal(("n", 7L, null, null), (pod.Spec.NodeName, pod.Spec.ActiveDeadlineSeconds, pod.Spec.TerminationGracePeriodSeconds, pod.Spec.Priority));
        Assert.Empty(pod.Spec.Containers);
        Assert.Null(pod.Status);
        Assert.Equal(("u", "p", "last"), (pod.Metadata.Uid, pod.Metadata.Name, pod.Metadata.Annotations["k"]));
        Assert.Equal(["a", null], pod.Metadata.Finalizers);
    }

    [Theory]
    [InlineData("\"100m\"", "100m")]
    [InlineData("5", "5")]
    [InlineData("0.5", "500m")]
    public void A_quantity_may_be_a_number(string json, string quantity) =>
        Assert.Equal(quantity, Read<V1ResourceQuota>($$"""{"spec":{"hard":{"pods":{{json}} } } }""").Spec.Hard["pods"].CanonicalizeString());

    [Theory]
    [InlineData("80", "80")]
    [InlineData("\"25%\"", "25%")]
    public void A_port_or_share_may_be_a_number_or_text(string json, string value) =>
        Assert.Equal(value, Read<V1PodDisruptionBudget>($$"""{"spec":{"minAvailable":{{json}} } }""").Spec.MinAvailable.Value);

    [Theory]
    [InlineData("2026-11-28T01:02:03Z", "2026-11-28T01:02:03.0000000Z")]
    [InlineData("2026-11-28T01:02:03.123456Z", "2026-11-28T01:02:03.1234560Z")]
    [InlineData("2026-11-28T01:02:03.123456789Z", "2026-11-28T01:02:03.1234567Z")]
    [InlineData("2026-11-28T01:02:03+02:00", "2026-11-27T23:02:03.0000000Z")]
    public void Times_are_utc(string text, string time) =>
        Assert.Equal(time, Read<V1Lease>($$"""{"spec":{"renewTime":"{{text}}"} }""").Spec.RenewTime?.ToString("o"));

    [Theory]
    [InlineData("null", "null is not an object")]
    [InlineData("[]", "an object is needed, there is a StartArray")]
    [InlineData("""{"metadata":{"labels":[]}}""", "a map is needed, there is a StartArray")]
    [InlineData("""{"spec":{"containers":{}}}""", "a list is needed, there is a StartObject")]
    [InlineData("""{"spec":{"priority":"high"}}""", "'String' as a number")]
    [InlineData("""{"spec":{"nodeName":5}}""", "'Number' as a string")]
    [InlineData("""{"spec":{"priority":99999999999}}""", "Int32")]
    [InlineData("""{"metadata":{"creationTimestamp":"yesterday"}}""", "DateTimeOffset")]
    [InlineData("""{"spec":{"overhead":{"cpu":"much"}}}""", "quantity")]
    [InlineData("""{"spec":{"containers":[{"name":"c"}""", "depth")]
    [InlineData("""{} {}""", "after a single JSON value")]
    [InlineData("", "does not contain any JSON tokens")]
    public void What_is_no_pod_is_told_with_its_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.ThrowsAny<JsonException>(() => Read<V1Pod>(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_kind_that_is_not_listed_is_the_callers_fault() => Assert.Throws<NotSupportedException>(() => Read<V1VolumeAttachment>("{}"));

    private static readonly JsonSerializerOptions Options = new()
    {
        TypeInfoResolver = new System.Text.Json.Serialization.Metadata.DefaultJsonTypeInfoResolver(),
        Converters = { new KubernetesJson.KubernetesDateTimeConverter(), new KubernetesJson.KubernetesDateTimeOffsetConverter() },
    };

    private static T Read<T>(string json) where T : class => ModelJson.Read<T>(Encoding.UTF8.GetBytes(json));

    private static object Read(Type kind, string json) =>
        typeof(ModelJsonTests).GetMethod(nameof(Read), 1, BindingFlags.NonPublic | BindingFlags.Static, [typeof(string)])!.MakeGenericMethod(kind).Invoke(null, [json])!;

    /// <summary>An object whose every property is set, each value but true another one.</summary>
    private static object Filled(Type type, int depth, Counter counter)
    {
        var bare = Nullable.GetUnderlyingType(type) ?? type;
        var next = ++counter.Value;
        if (bare == typeof(string)) return $"text {next} ä";
        if (bare == typeof(bool)) return true;
        if (bare == typeof(int)) return next;
        if (bare == typeof(long)) return 5_000_000_000L + next;
        if (bare == typeof(DateTime)) return new DateTime(2026, 11, 28, 0, 0, 0, DateTimeKind.Utc).AddSeconds(next);
        if (bare == typeof(byte[])) return Encoding.UTF8.GetBytes($"bytes {next}");
        if (bare == typeof(object)) return JsonDocument.Parse($$"""{"free":{{next}}}""").RootElement;
        if (bare == typeof(ResourceQuantity)) return new ResourceQuantity($"{next}m");
        if (bare == typeof(IntOrString)) return (IntOrString)(next % 2 == 0 ? $"{next}" : $"{next}%");
        if (bare.IsGenericType && bare.GetGenericTypeDefinition() == typeof(IList<>))
        {
            var item = bare.GetGenericArguments()[0];
            var list = (System.Collections.IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(item))!;
            for (var i = 0; i < 2; i++) list.Add(Filled(item, depth + 1, counter));
            return list;
        }
        if (bare.IsGenericType && bare.GetGenericTypeDefinition() == typeof(IDictionary<,>))
        {
            var map = (System.Collections.IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(bare.GetGenericArguments()))!;
            for (var i = 0; i < 2; i++) map.Add($"key {++counter.Value}", Filled(bare.GetGenericArguments()[1], depth + 1, counter));
            return map;
        }
        Assert.True(bare.Namespace == "k8s.Models" && depth < 30, $"how is a {bare} filled?");
        var model = Activator.CreateInstance(bare)!;
        foreach (var property in bare.GetProperties().Where(p => p.CanWrite && p.Name != nameof(V1ObjectMeta.ManagedFields)))
            property.SetValue(model, Filled(property.PropertyType, depth + 1, counter));
        return model;
    }

    private sealed class Counter
    {
        public int Value { get; set; }
    }
}
