using System.Collections.Frozen;

namespace Bramble.Api.Cel;

/// <summary>One way to call a function. <c>IsMethod</c>: the first argument stands before the dot.</summary>
internal sealed record CelOverload(string Id, bool IsMethod, IReadOnlyList<CelType> Arguments, CelType Result, bool IsGeneric);

/// <summary>The functions that expressions may call, with their types: CEL's own and the libraries of Kubernetes 1.36. Source: cel-go's standard library and extensions, k8s.io/apiserver/pkg/cel/library.</summary>
internal static class CelDeclarations
{
    /// <summary>A line for a function: its name, then overloads as <c>id(arguments)result</c>, methods with a dot before them. <c>$</c> stands for every type that can be compared, <c>#</c> for every type that can be added up.</summary>
    private const string Table = """
        _?_:_ conditional(bool,A,A)A
        _&&_ logical_and(bool,bool)bool
        _||_ logical_or(bool,bool)bool
        !_ logical_not(bool)bool
        @not_strictly_false not_strictly_false(bool)bool
        _==_ equals(A,A)bool
        _!=_ not_equals(A,A)bool
        _+_ add_bytes(bytes,bytes)bytes add_double(double,double)double add_duration_duration(duration,duration)duration add_duration_timestamp(duration,timestamp)timestamp add_timestamp_duration(timestamp,duration)timestamp add_int64(int,int)int add_list(list(A),list(A))list(A) add_string(string,string)string add_uint64(uint,uint)uint
        _-_ subtract_double(double,double)double subtract_duration_duration(duration,duration)duration subtract_int64(int,int)int subtract_timestamp_duration(timestamp,duration)timestamp subtract_timestamp_timestamp(timestamp,timestamp)duration subtract_uint64(uint,uint)uint
        _*_ multiply_double(double,double)double multiply_int64(int,int)int multiply_uint64(uint,uint)uint
        _/_ divide_double(double,double)double divide_int64(int,int)int divide_uint64(uint,uint)uint
        _%_ modulo_int64(int,int)int modulo_uint64(uint,uint)uint
        -_ negate_double(double)double negate_int64(int)int
        _<_ less
        _<=_ less_equals
        _>_ greater
        _>=_ greater_equals
        _[_] index_list(list(A),int)A index_map(map(A,B),A)B optional_list_index_int(opt(list(V)),int)opt(V) optional_map_index_value(opt(map(K,V)),K)opt(V)
        _[?_] list_optindex_optional_int(list(V),int)opt(V) optional_list_optindex_optional_int(opt(list(V)),int)opt(V) map_optindex_optional_value(map(K,V),K)opt(V) optional_map_optindex_optional_value(opt(map(K,V)),K)opt(V)
        _?._ select_optional_field(dyn,string)opt(V)
        @in in_list(A,list(A))bool in_map(A,map(A,B))bool
        size size_bytes(bytes)int .bytes_size(bytes)int size_list(list(A))int .list_size(list(A))int size_map(map(A,B))int .map_size(map(A,B))int size_string(string)int .string_size(string)int
        type type(A)type(A)
        bool bool_to_bool(bool)bool string_to_bool(string)bool
        bytes bytes_to_bytes(bytes)bytes string_to_bytes(string)bytes
        double double_to_double(double)double int64_to_double(int)double string_to_double(string)double uint64_to_double(uint)double
        duration duration_to_duration(duration)duration int64_to_duration(int)duration string_to_duration(string)duration
        dyn to_dyn(A)dyn
        int int64_to_int64(int)int double_to_int64(double)int duration_to_int64(duration)int string_to_int64(string)int timestamp_to_int64(timestamp)int uint64_to_int64(uint)int
        string string_to_string(string)string bool_to_string(bool)string bytes_to_string(bytes)string double_to_string(double)string duration_to_string(duration)string int64_to_string(int)string timestamp_to_string(timestamp)string uint64_to_string(uint)string ip_to_string(IP)string cidr_to_string(CIDR)string
        timestamp timestamp_to_timestamp(timestamp)timestamp int64_to_timestamp(int)timestamp string_to_timestamp(string)timestamp
        uint uint64_to_uint64(uint)uint double_to_uint64(double)uint int64_to_uint64(int)uint string_to_uint64(string)uint
        contains .contains_string(string,string)bool
        endsWith .ends_with_string(string,string)bool
        startsWith .starts_with_string(string,string)bool
        matches matches(string,string)bool .matches_string(string,string)bool
        getFullYear .timestamp_to_year(timestamp)int .timestamp_to_year_with_tz(timestamp,string)int
        getMonth .timestamp_to_month(timestamp)int .timestamp_to_month_with_tz(timestamp,string)int
        getDayOfYear .timestamp_to_day_of_year(timestamp)int .timestamp_to_day_of_year_with_tz(timestamp,string)int
        getDayOfMonth .timestamp_to_day_of_month(timestamp)int .timestamp_to_day_of_month_with_tz(timestamp,string)int
        getDate .timestamp_to_day_of_month_1_based(timestamp)int .timestamp_to_day_of_month_1_based_with_tz(timestamp,string)int
        getDayOfWeek .timestamp_to_day_of_week(timestamp)int .timestamp_to_day_of_week_with_tz(timestamp,string)int
        getHours .timestamp_to_hours(timestamp)int .timestamp_to_hours_with_tz(timestamp,string)int .duration_to_hours(duration)int
        getMinutes .timestamp_to_minutes(timestamp)int .timestamp_to_minutes_with_tz(timestamp,string)int .duration_to_minutes(duration)int
        getSeconds .timestamp_to_seconds(timestamp)int .timestamp_to_seconds_tz(timestamp,string)int .duration_to_seconds(duration)int
        getMilliseconds .timestamp_to_milliseconds(timestamp)int .timestamp_to_milliseconds_with_tz(timestamp,string)int .duration_to_milliseconds(duration)int
        optional.of optional_of(V)opt(V)
        optional.ofNonZeroValue optional_ofNonZeroValue(V)opt(V)
        optional.none optional_none()opt(V)
        value .optional_value(opt(V))V
        hasValue .optional_hasValue(opt(V))bool
        or .optional_or_optional(opt(V),opt(V))opt(V)
        orValue .optional_orValue_value(opt(V),V)V
        last .list_last(list(V))opt(V)
        first .list_first(list(V))opt(V)
        optional.unwrap optional_unwrap(list(opt(V)))list(V)
        unwrapOpt .optional_unwrapOpt(list(opt(V)))list(V)
        cel.@mapInsert @mapInsert_map_key_value(map(K,V),K,V)map(K,V) @mapInsert_map_map(map(K,V),map(K,V))map(K,V)
        charAt .string_char_at_int(string,int)string
        indexOf .string_index_of_string(string,string)int .string_index_of_string_int(string,string,int)int .list_a_index_of_int(list(A),A)int
        lastIndexOf .string_last_index_of_string(string,string)int .string_last_index_of_string_int(string,string,int)int .list_a_last_index_of_int(list(A),A)int
        lowerAscii .string_lower_ascii(string)string
        upperAscii .string_upper_ascii(string)string
        replace .string_replace_string_string(string,string,string)string .string_replace_string_string_int(string,string,string,int)string
        split .string_split_string(string,string)list(string) .string_split_string_int(string,string,int)list(string)
        substring .string_substring_int(string,int)string .string_substring_int_int(string,int,int)string
        trim .string_trim(string)string
        format .string_format(string,list(dyn))string
        strings.quote strings_quote(string)string
        join .list_join(list(string))string .list_join_string(list(string),string)string
        find .string_find_string(string,string)string
        findAll .string_find_all_string(string,string)list(string) .string_find_all_string_int(string,string,int)list(string)
        isSorted .list_$_is_sorted_bool(list($))bool
        sum .list_#_sum_#(list(#))#
        max .list_$_max_$(list($))$
        min .list_$_min_$(list($))$
        slice .list_slice(list(T),int,int)list(T)
        flatten .list_flatten(list(list(T)))list(T) .list_flatten_int(list(dyn),int)list(dyn)
        sort .list_$_sort(list($))list($)
        @sortByAssociatedKeys .list_$_sortByAssociatedKeys(list(T),list($))list(T)
        lists.range lists_range(int)list(int)
        reverse .list_reverse(list(T))list(T)
        distinct .list_distinct(list(T))list(T)
        sets.contains list_sets_contains_list(list(T),list(T))bool
        sets.equivalent list_sets_equivalent_list(list(T),list(T))bool
        sets.intersects list_sets_intersects_list(list(T),list(T))bool
        url string_to_url(string)URL
        isURL is_url_string(string)bool
        getScheme .url_get_scheme(URL)string
        getHost .url_get_host(URL)string
        getHostname .url_get_hostname(URL)string
        getPort .url_get_port(URL)string
        getEscapedPath .url_get_escaped_path(URL)string
        getQuery .url_get_query(URL)map(string,list(string))
        ip string_to_ip(string)IP .cidr_ip(CIDR)IP
        isIP is_ip(string)bool
        ip.isCanonical ip_is_canonical(string)bool
        family .ip_family(IP)int
        isUnspecified .ip_is_unspecified(IP)bool
        isLoopback .ip_is_loopback(IP)bool
        isLinkLocalMulticast .ip_is_link_local_multicast(IP)bool
        isLinkLocalUnicast .ip_is_link_local_unicast(IP)bool
        isGlobalUnicast .ip_is_global_unicast(IP)bool
        cidr string_to_cidr(string)CIDR
        isCIDR is_cidr(string)bool
        containsIP .cidr_contains_ip_string(CIDR,string)bool .cidr_contains_ip_ip(CIDR,IP)bool
        containsCIDR .cidr_contains_cidr_string(CIDR,string)bool .cidr_contains_cidr(CIDR,CIDR)bool
        prefixLength .cidr_prefix_length(CIDR)int
        masked .cidr_masked(CIDR)CIDR
        quantity string_to_quantity(string)Quantity
        isQuantity is_quantity_string(string)bool
        sign quantity_sign(Quantity)int
        isGreaterThan .quantity_is_greater_than(Quantity,Quantity)bool .semver_is_greater_than(Semver,Semver)bool
        isLessThan .quantity_is_less_than(Quantity,Quantity)bool .semver_is_less_than(Semver,Semver)bool
        compareTo .quantity_compare_to(Quantity,Quantity)int .semver_compare_to(Semver,Semver)int
        asApproximateFloat .quantity_get_float(Quantity)double
        asInteger .quantity_get_int(Quantity)int
        isInteger .quantity_is_integer(Quantity)bool
        add .quantity_add(Quantity,Quantity)Quantity .quantity_add_int(Quantity,int)Quantity
        sub .quantity_sub(Quantity,Quantity)Quantity .quantity_sub_int(Quantity,int)Quantity
        semver string_to_semver(string)Semver string_bool_to_semver(string,bool)Semver
        isSemver is_semver_string(string)bool is_semver_string_bool(string,bool)bool
        major .semver_major(Semver)int
        minor .semver_minor(Semver)int
        patch .semver_patch(Semver)int
        format.named format-named(string)opt(NamedFormat)
        validate .format-validate(NamedFormat,string)opt(list(string))
        format.dns1123Label format.dns1123Label()NamedFormat
        format.dns1123Subdomain format.dns1123Subdomain()NamedFormat
        format.dns1035Label format.dns1035Label()NamedFormat
        format.qualifiedName format.qualifiedName()NamedFormat
        format.dns1123LabelPrefix format.dns1123LabelPrefix()NamedFormat
        format.dns1123SubdomainPrefix format.dns1123SubdomainPrefix()NamedFormat
        format.dns1035LabelPrefix format.dns1035LabelPrefix()NamedFormat
        format.labelValue format.labelValue()NamedFormat
        format.uri format.uri()NamedFormat
        format.uuid format.uuid()NamedFormat
        format.byte format.byte()NamedFormat
        format.date format.date()NamedFormat
        format.datetime format.datetime()NamedFormat
        path .authorizer_path(Authorizer,string)PathCheck
        group .authorizer_group(Authorizer,string)GroupCheck
        serviceAccount .authorizer_serviceaccount(Authorizer,string,string)Authorizer
        resource .groupcheck_resource(GroupCheck,string)ResourceCheck
        subresource .resourcecheck_subresource(ResourceCheck,string)ResourceCheck
        namespace .resourcecheck_namespace(ResourceCheck,string)ResourceCheck
        name .resourcecheck_name(ResourceCheck,string)ResourceCheck
        fieldSelector .authorizer_fieldselector(ResourceCheck,string)ResourceCheck
        labelSelector .authorizer_labelselector(ResourceCheck,string)ResourceCheck
        check .pathcheck_check(PathCheck,string)Decision .resourcecheck_check(ResourceCheck,string)Decision
        errored .decision_errored(Decision)bool
        error .decision_error(Decision)string
        allowed .decision_allowed(Decision)bool
        reason .decision_reason(Decision)string
        jsonpatch.escapeKey string_jsonpatch_escapeKey_string(string)string
        """;

    /// <summary>Types that can be compared with each other across numbers.</summary>
    private const string Orders =
        "$_bool(bool,bool)bool $_int64(int,int)bool $_int64_double(int,double)bool $_int64_uint64(int,uint)bool $_uint64(uint,uint)bool $_uint64_double(uint,double)bool $_uint64_int64(uint,int)bool "
        + "$_double(double,double)bool $_double_int64(double,int)bool $_double_uint64(double,uint)bool $_string(string,string)bool $_bytes(bytes,bytes)bool $_timestamp(timestamp,timestamp)bool $_duration(duration,duration)bool";

    private static readonly string[] Comparable = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];
    private static readonly string[] Summable = ["int", "uint", "double", "duration"];

    private static readonly FrozenDictionary<string, CelType> Types = new Dictionary<string, CelType>(StringComparer.Ordinal)
    {
        ["bool"] = CelType.Bool,
        ["int"] = CelType.Int,
        ["uint"] = CelType.Uint,
        ["double"] = CelType.Double,
        ["string"] = CelType.String,
        ["bytes"] = CelType.Bytes,
        ["dyn"] = CelType.Dyn,
        ["duration"] = CelType.Duration,
        ["timestamp"] = CelType.Timestamp,
        ["IP"] = CelType.Opaque("net.IP"),
        ["CIDR"] = CelType.Opaque("net.CIDR"),
        ["URL"] = CelType.Struct("kubernetes.URL"),
        ["Quantity"] = CelType.Struct("kubernetes.Quantity"),
        ["Semver"] = CelType.Struct("kubernetes.Semver"),
        ["NamedFormat"] = CelType.Struct("kubernetes.NamedFormat"),
        ["Authorizer"] = CelType.Struct("kubernetes.authorization.Authorizer"),
        ["PathCheck"] = CelType.Struct("kubernetes.authorization.PathCheck"),
        ["GroupCheck"] = CelType.Struct("kubernetes.authorization.GroupCheck"),
        ["ResourceCheck"] = CelType.Struct("kubernetes.authorization.ResourceCheck"),
        ["Decision"] = CelType.Struct("kubernetes.authorization.Decision"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly Lazy<FrozenDictionary<string, IReadOnlyList<CelOverload>>> Functions = new(Read);

    /// <summary>The overloads of a function; null: there is none of that name.</summary>
    public static IReadOnlyList<CelOverload>? Find(string function) => Functions.Value.GetValueOrDefault(function);

    /// <summary>The type of Kubernetes' library of that short name: <c>Authorizer</c>, <c>Quantity</c>.</summary>
    public static CelType LibraryType(string name) => Types[name];

    /// <summary>The type that a type's name in an expression means (<c>type(x) == string</c>); null: no type.</summary>
    public static CelType? NamedType(string name) => name switch
    {
        "bool" => CelType.Bool,
        "bytes" => CelType.Bytes,
        "double" => CelType.Double,
        "int" => CelType.Int,
        "list" => CelType.List(CelType.Parameter("A")),
        "map" => CelType.Map(CelType.Parameter("A"), CelType.Parameter("B")),
        "null_type" => CelType.Null,
        "string" => CelType.String,
        "uint" => CelType.Uint,
        "type" => CelType.AnyType,
        "optional_type" => CelType.Optional(CelType.Parameter("V")),
        "google.protobuf.Duration" => CelType.Duration,
        "google.protobuf.Timestamp" => CelType.Timestamp,
        _ => Types.Values.FirstOrDefault(type => type.Kind is CelKind.Opaque or CelKind.Struct && type.Name == name),
    };

    private static FrozenDictionary<string, IReadOnlyList<CelOverload>> Read()
    {
        var functions = new Dictionary<string, IReadOnlyList<CelOverload>>(StringComparer.Ordinal);
        foreach (var line in Table.Split('\n'))
        {
            var words = line.TrimEnd('\r').Split(' ');
            var overloads = new List<CelOverload>();
            foreach (var word in words[1].Contains('(') ? words[1..] : Orders.Replace("$", words[1], StringComparison.Ordinal).Split(' '))
                if (word.Contains('$')) overloads.AddRange(Comparable.Select(type => Overload(word.Replace("$", type, StringComparison.Ordinal))));
                else if (word.Contains('#')) overloads.AddRange(Summable.Select(type => Overload(word.Replace("#", type, StringComparison.Ordinal))));
                else overloads.Add(Overload(word));
            functions.Add(words[0], overloads);
        }
        return functions.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static CelOverload Overload(string text)
    {
        var at = text.IndexOf('(', StringComparison.Ordinal);
        var id = text[..at].TrimStart('.');
        var arguments = TypesUntilClosed(text, ref at);
        var result = ReadType(text, ref at);
        return new CelOverload(id, text[0] == '.', arguments, result, arguments.Append(result).Any(HasParameter));
    }

    private static bool HasParameter(CelType type) => type.Kind == CelKind.TypeParameter || type.Parameters.Any(HasParameter);

    private static List<CelType> TypesUntilClosed(string text, ref int at)
    {
        var types = new List<CelType>();
        for (at++; text[at] != ')';)
        {
            types.Add(ReadType(text, ref at));
            if (text[at] == ',') at++;
        }
        at++;
        return types;
    }

    private static CelType ReadType(string text, ref int at)
    {
        var start = at;
        while (at < text.Length && text[at] is not ('(' or ')' or ',')) at++;
        var name = text[start..at];
        if (at >= text.Length || text[at] != '(') return name.Length == 1 ? CelType.Parameter(name) : Types[name];
        var parameters = TypesUntilClosed(text, ref at);
        return name switch { "list" => CelType.List(parameters[0]), "map" => CelType.Map(parameters[0], parameters[1]), "type" => CelType.TypeOf(parameters[0]), _ => CelType.Optional(parameters[0]) };
    }
}
