using System.Globalization;
using System.Text;

namespace Bramble.ApiServer.Strategies;

/// <summary>Where in an object a rule looks: <c>spec.containers[0].name</c>. A chain of steps; the text is made only when there is an error to show.</summary>
internal sealed class FieldPath
{
    private readonly FieldPath? _parent;
    private readonly string? _name;
    private readonly string? _key;
    private readonly int _index;

    private FieldPath(FieldPath? parent, string? name, string? key, int index) => (_parent, _name, _key, _index) = (parent, name, key, index);

    public static readonly FieldPath Metadata = Of("metadata");
    public static readonly FieldPath Spec = Of("spec");
    public static readonly FieldPath Status = Of("status");

    public static FieldPath Of(string name) => new(null, name, null, 0);

    public FieldPath Child(string name) => new(this, name, null, 0);

    public FieldPath Child(string name, string next) => new(new(this, name, null, 0), next, null, 0);

    public FieldPath Index(int index) => new(this, null, null, index);

    public FieldPath Key(string key) => new(this, null, key, 0);

    public static implicit operator string(FieldPath path) => path.ToString();

    public override string ToString()
    {
        var text = new StringBuilder();
        Write(text);
        return text.ToString();
    }

    private void Write(StringBuilder text)
    {
        _parent?.Write(text);
        if (_name is not null)
        {
            if (_parent is not null) text.Append('.');
            text.Append(_name);
        }
        else
        {
            text.Append('[').Append(_key ?? _index.ToString(CultureInfo.InvariantCulture)).Append(']');
        }
    }
}
