namespace Bramble.Api.Cel;

/// <summary>What an expression may name beside the functions: its variables and their types. Immutable once expressions are compiled with it, but for the variables of a policy that are added in order.</summary>
public sealed class CelEnvironment
{
    private const string PolicyVariables = "kubernetes.variables";
    private const string PatchObject = "Object";
    private const string PatchOperation = "JSONPatch";

    private readonly Dictionary<string, CelType> _variables = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CelDeclaration> _structs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CelType> _policyVariables = new(StringComparer.Ordinal);
    private bool _hasPatches;

    /// <summary>Selectors of devices alone know <c>cel.bind</c>.</summary>
    internal bool HasBind { get; private init; }

    private static readonly CelDeclaration Text = CelDeclaration.Simple(CelType.String);
    private static readonly CelDeclaration Texts = CelDeclaration.Simple(CelType.List(CelType.String), Text);
    private static readonly CelDeclaration TextMap = CelDeclaration.Simple(CelType.Map(CelType.String, CelType.String), Text);
    private static readonly CelDeclaration Time = CelDeclaration.Simple(CelType.Timestamp);
    private static readonly CelDeclaration Whole = CelDeclaration.Simple(CelType.Int);

    private static readonly CelDeclaration Request = AdmissionRequest();
    private static readonly CelDeclaration Namespace = NamespaceObject();

    /// <summary>A rule of a custom resource's schema: <c>self</c> and <c>oldSelf</c>.</summary>
    public static CelEnvironment ForRule(CelDeclaration self, bool oldSelfIsOptional)
    {
        var environment = new CelEnvironment();
        environment.Declare("self", self.Type);
        environment.Declare("oldSelf", oldSelfIsOptional ? CelType.Optional(self.Type) : self.Type);
        environment.DeclareStructs(self);
        return environment;
    }

    /// <summary>An expression of admission: object, oldObject, request, namespaceObject; a policy's own variables are added by <see cref="AddPolicyVariable"/>.</summary>
    /// <param name="hasPatches">A mutation: <c>Object{…}</c> and <c>JSONPatch{…}</c> can be made.</param>
    public static CelEnvironment ForAdmission(bool hasParams, bool hasAuthorizer, bool hasPatches = false, bool hasVariables = true) =>
        ForAdmission(null, null, hasParams, hasAuthorizer, hasPatches, hasVariables);

    /// <param name="type">What the object is known to be; null: anything.</param>
    /// <param name="paramsType">What params are known to be.</param>
    internal static CelEnvironment ForAdmission(CelDeclaration? type, CelDeclaration? paramsType, bool hasParams, bool hasAuthorizer, bool hasPatches, bool hasVariables)
    {
        var environment = new CelEnvironment { _hasPatches = hasPatches };
        foreach (var name in (ReadOnlySpan<string>)["object", "oldObject"]) environment.Declare(name, type?.Type ?? CelType.Dyn);
        environment.Declare("request", Request.Type);
        environment.Declare("namespaceObject", Namespace.Type);
        environment.DeclareStructs(Request);
        environment.DeclareStructs(Namespace);
        if (type is not null) environment.DeclareStructs(type);
        if (hasParams) environment.Declare("params", paramsType?.Type ?? CelType.Dyn);
        if (hasParams && paramsType is not null) environment.DeclareStructs(paramsType);
        if (hasVariables) environment.Declare("variables", CelType.Struct(PolicyVariables));
        if (!hasAuthorizer) return environment;
        environment.Declare("authorizer", CelDeclarations.LibraryType("Authorizer"));
        environment.Declare("authorizer.requestResource", CelDeclarations.LibraryType("ResourceCheck"));
        return environment;
    }

    /// <summary>A validation of a policy, to see whether it fits what it is about. As upstream's, it knows no authorizer.requestResource.</summary>
    /// <param name="type">What the object is.</param>
    /// <param name="paramsType">What params are; null: not known.</param>
    public static CelEnvironment ForTypeCheck(CelDeclaration type, CelDeclaration? paramsType, bool hasParams)
    {
        var environment = ForAdmission(type, paramsType, hasParams, hasAuthorizer: false, hasPatches: false, hasVariables: true);
        environment.Declare("authorizer", CelDeclarations.LibraryType("Authorizer"));
        return environment;
    }

    /// <summary>A device (DRA) as selectors know it: <c>device.driver</c>, <c>device.attributes["domain"].name</c>, <c>device.capacity</c>. The sizes are those that the API allows.</summary>
    public static CelDeclaration Device { get; } = CelDeclaration.Struct(
        "kubernetes.DRADevice",
        ("driver", CelDeclaration.Sized(CelType.String, 63)),
        ("allowMultipleAllocations", CelDeclaration.Sized(CelType.Bool, 1)),
        ("attributes", DeviceMap(CelDeclaration.Sized(CelType.Any, 64))),
        ("capacity", DeviceMap(CelDeclaration.Sized(CelDeclarations.LibraryType("Quantity"), 0))));

    /// <summary>A selector of devices.</summary>
    public static CelEnvironment ForDevices()
    {
        var environment = new CelEnvironment { HasBind = true };
        environment.Declare("device", Device.Type);
        environment.DeclareStructs(Device);
        return environment;
    }

    /// <summary>By domain and name.</summary>
    private static CelDeclaration DeviceMap(CelDeclaration value) => CelDeclaration.MapOf(CelDeclaration.MapOf(value, 32, 32), 32, 63);

    /// <summary>Variables that can be anything.</summary>
    public static CelEnvironment ForAnything(params ReadOnlySpan<string> names)
    {
        var environment = new CelEnvironment();
        foreach (var name in names) environment.Declare(name, CelType.Dyn);
        return environment;
    }

    /// <summary>A variable of a policy, for the expressions that come after it. <paramref name="program"/> null: it does not compile, and could be anything.</summary>
    public void AddPolicyVariable(string name, CelProgram? program) => _policyVariables[name] = program?.OutputType ?? CelType.Dyn;

    /// <summary>The policy's variables as another environment of the same policy knows them.</summary>
    public void TakePolicyVariables(CelEnvironment other)
    {
        foreach (var (name, type) in other._policyVariables) _policyVariables[name] = type;
    }

    internal void Declare(string name, CelType type) => _variables[name] = type;

    internal CelType? Variable(string name) => _variables.GetValueOrDefault(name);

    internal bool HasStruct(string name) => _structs.ContainsKey(name) || name == PolicyVariables && _variables.ContainsKey("variables")
        || _hasPatches && (name is PatchObject or PatchOperation || name.StartsWith(PatchObject + ".", StringComparison.Ordinal));

    internal CelType? StructField(string type, string field)
    {
        if (type == PolicyVariables) return _policyVariables.GetValueOrDefault(field);
        if (_structs.TryGetValue(type, out var declaration)) return declaration.TryField(field, out _, out var known) ? known!.Type : null;
        if (!_hasPatches) return null;
        if (type == PatchOperation) return field is "op" or "path" or "from" ? CelType.String : CelType.Dyn;
        return type == PatchObject || type.StartsWith(PatchObject + ".", StringComparison.Ordinal) ? CelType.Dyn : null;
    }

    /// <summary>Null: no function of that name here.</summary>
    internal IReadOnlyList<CelOverload>? Function(string name) => !_hasPatches && name == "jsonpatch.escapeKey" ? null : CelDeclarations.Find(name);

    private void DeclareStructs(CelDeclaration declaration)
    {
        if (declaration.IsObject && !_structs.TryAdd(declaration.Type.Name, declaration)) return;
        foreach (var part in declaration.Parts) DeclareStructs(part);
    }

    private static CelDeclaration AdmissionRequest()
    {
        var kind = CelDeclaration.Struct("kubernetes.GroupVersionKind", ("group", Text), ("version", Text), ("kind", Text));
        var resource = CelDeclaration.Struct("kubernetes.GroupVersionResource", ("group", Text), ("version", Text), ("resource", Text));
        var user = CelDeclaration.Struct(
            "kubernetes.UserInfo", ("username", Text), ("uid", Text), ("groups", Texts), ("extra", CelDeclaration.Simple(CelType.Map(CelType.String, CelType.List(CelType.String)), Texts)));
        return CelDeclaration.Struct(
            "kubernetes.AdmissionRequest",
            ("kind", kind), ("resource", resource), ("subResource", Text), ("requestKind", kind), ("requestResource", resource), ("requestSubResource", Text), ("name", Text), ("namespace", Text),
            ("operation", Text), ("userInfo", user), ("dryRun", CelDeclaration.Simple(CelType.Bool)), ("options", CelDeclaration.Simple(CelType.Dyn)));
    }

    private static CelDeclaration NamespaceObject()
    {
        var metadata = CelDeclaration.Struct(
            "kubernetes.NamespaceMetadata",
            ("name", Text), ("generateName", Text), ("namespace", Text), ("labels", TextMap), ("annotations", TextMap), ("UID", Text), ("creationTimestamp", Time), ("deletionGracePeriodSeconds", Whole),
            ("deletionTimestamp", Time), ("generation", Whole), ("resourceVersion", Text), ("finalizers", Texts));
        var condition = CelDeclaration.Struct("kubernetes.NamespaceCondition", ("status", Text), ("type", Text), ("lastTransitionTime", Time), ("message", Text), ("reason", Text));
        var conditions = CelDeclaration.Simple(CelType.List(condition.Type), condition);
        return CelDeclaration.Struct(
            "kubernetes.Namespace",
            ("metadata", metadata),
            ("spec", CelDeclaration.Struct("kubernetes.NamespaceSpec", ("finalizers", Texts))),
            ("status", CelDeclaration.Struct("kubernetes.NamespaceStatus", ("conditions", conditions), ("phase", Text))));
    }
}
