namespace Bramble.Api.Cel;

/// <summary>Which types stand for type parameters so far, and whether one type can be given where another is wanted. Behaviour of cel-go's checker.</summary>
internal sealed class CelTypeMatching
{
    private Dictionary<CelType, CelType> _bound = [];
    private int _fresh;

    public CelType Fresh() => CelType.Parameter($"_var{_fresh++}");

    /// <summary>True, and what follows for parameters is kept.</summary>
    public bool TryAssign(CelType left, CelType right) => TryAssign([left], [right]);

    public bool TryAssign(IReadOnlyList<CelType> left, IReadOnlyList<CelType> right)
    {
        var before = new Dictionary<CelType, CelType>(_bound);
        if (AssignAll(left, right)) return true;
        _bound = before;
        return false;
    }

    /// <summary>The type with what is known put in for its parameters.</summary>
    public CelType Substitute(CelType type, bool unknownToDyn)
    {
        if (_bound.TryGetValue(type, out var known)) return Substitute(known, unknownToDyn);
        if (type.Kind == CelKind.TypeParameter) return unknownToDyn ? CelType.Dyn : type;
        if (type.Parameters.Count == 0) return type;
        return type.WithParameters([.. type.Parameters.Select(p => Substitute(p, unknownToDyn))]);
    }

    /// <summary>An overload's types with parameters of their own.</summary>
    public (IReadOnlyList<CelType> Arguments, CelType Result) Instance(CelOverload overload)
    {
        if (!overload.IsGeneric) return (overload.Arguments, overload.Result);
        var fresh = new Dictionary<string, CelType>(StringComparer.Ordinal);
        return ([.. overload.Arguments.Select(Renew)], Renew(overload.Result));

        CelType Renew(CelType type)
        {
            if (type.Kind == CelKind.TypeParameter) return fresh.TryGetValue(type.Name, out var known) ? known : fresh[type.Name] = Fresh();
            return type.Parameters.Count == 0 ? type : type.WithParameters([.. type.Parameters.Select(Renew)]);
        }
    }

    public static CelType MostGeneral(CelType a, CelType b) => IsEqualOrLessSpecific(a, b) ? a : b;

    private static bool IsEqualOrLessSpecific(CelType a, CelType b)
    {
        if (a.Kind is CelKind.Dyn or CelKind.Any or CelKind.TypeParameter) return true;
        if (b.Kind is CelKind.Dyn or CelKind.Any or CelKind.TypeParameter || a.Kind != b.Kind) return false;
        return a.Kind switch
        {
            CelKind.Opaque or CelKind.List or CelKind.Map => a.Name == b.Name && a.Parameters.Count == b.Parameters.Count && a.Parameters.Zip(b.Parameters).All(p => IsEqualOrLessSpecific(p.First, p.Second)),
            CelKind.Type => true,
            _ => a.Equals(b),
        };
    }

    private bool AssignAll(IReadOnlyList<CelType> left, IReadOnlyList<CelType> right)
    {
        if (left.Count != right.Count) return false;
        for (var i = 0; i < left.Count; i++)
            if (!Assign(left[i], right[i])) return false;
        return true;
    }

    private bool Assign(CelType a, CelType b)
    {
        if (b.Kind == CelKind.TypeParameter)
        {
            var (isValid, isBound) = Bind(a, b);
            if (isValid) return true;
            if (isBound) return false;
        }
        if (a.Kind == CelKind.TypeParameter) return Bind(b, a).IsValid;
        if (a.IsDynOrError || b.IsDynOrError) return true;
        if (a.Kind == CelKind.Null || b.Kind == CelKind.Null) return IsNullable(a) && IsNullable(b);
        return a.Kind switch
        {
            CelKind.Type => b.Kind == CelKind.Type,
            CelKind.Opaque or CelKind.List or CelKind.Map => a.Kind == b.Kind && a.Name == b.Name && AssignAll(a.Parameters, b.Parameters),
            _ => a.Equals(b),
        };
    }

    private static bool IsNullable(CelType type) => type.Kind is CelKind.Null or CelKind.Opaque or CelKind.Struct or CelKind.Any or CelKind.Duration or CelKind.Timestamp;

    /// <summary>Lets a parameter stand for a type, or sees whether it does.</summary>
    private (bool IsValid, bool IsBound) Bind(CelType type, CelType parameter)
    {
        if (type.Equals(parameter)) return (true, true);
        if (_bound.TryGetValue(parameter, out var known))
        {
            if (type.Equals(known)) return (true, true);
            if (!Assign(type, known)) return (false, true);
            var general = MostGeneral(type, known);
            if (!Occurs(parameter, general)) _bound[parameter] = general;
            return (true, true);
        }
        if (Occurs(parameter, type)) return (false, false);
        _bound[parameter] = type;
        return (true, false);
    }

    private bool Occurs(CelType parameter, CelType within)
    {
        if (parameter.Equals(within)) return true;
        if (within.Kind == CelKind.TypeParameter) return _bound.TryGetValue(within, out var known) && Occurs(parameter, known);
        return within.Parameters.Any(p => Occurs(parameter, p));
    }
}
