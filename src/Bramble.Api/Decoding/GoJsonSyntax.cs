using System.Globalization;
using System.Text;

namespace Bramble.Api.Decoding;

/// <summary>Says why a text is not JSON, in the words of Go's encoding/json. Runs only after a fast reader has refused the text.</summary>
public static class GoJsonSyntax
{
    /// <summary>Nesting that is still accepted: deep enough for any object, shallow enough for the stack and the writer.</summary>
    public const int DepthMax = 900;

    /// <summary>The first error, or null when the text is JSON by Go's rules (which allow invalid UTF-8).</summary>
    public static string? FindError(ReadOnlySpan<byte> json)
    {
        var scanner = new Scanner(json);
        if (!scanner.Value()) return scanner.Error;
        scanner.Space();
        return scanner.IsAtEnd ? null : scanner.Unexpected("after top-level value");
    }

    private ref struct Scanner(ReadOnlySpan<byte> json)
    {
        private readonly ReadOnlySpan<byte> _json = json;
        private int _at;
        private int _depth;

        public string? Error { get; private set; }

        public readonly bool IsAtEnd => _at >= _json.Length;

        public void Space()
        {
            while (_at < _json.Length && _json[_at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n') _at++;
        }

        public string Unexpected(string context)
        {
            Error ??= IsAtEnd ? "unexpected end of JSON input" : $"invalid character {Show(_json[_at])} {context}";
            return Error;
        }

        public bool Value()
        {
            Space();
            if (IsAtEnd) return Fail("");
            switch (_json[_at])
            {
                case (byte)'{': return Object();
                case (byte)'[': return Array();
                case (byte)'"': return String();
                case (byte)'t': return Literal("true");
                case (byte)'f': return Literal("false");
                case (byte)'n': return Literal("null");
                case (byte)'-' or (>= (byte)'0' and <= (byte)'9'): return Number();
                default: return Fail("looking for beginning of value");
            }
        }

        private bool Fail(string context)
        {
            Unexpected(context);
            return false;
        }

        private bool Object()
        {
            if (++_depth > DepthMax) return Fail("exceeded max depth");
            _at++;
            Space();
            if (!IsAtEnd && _json[_at] == '}') return Close();
            while (true)
            {
                Space();
                if (IsAtEnd || _json[_at] != '"') return Fail("looking for beginning of object key string");
                if (!String()) return false;
                Space();
                if (IsAtEnd || _json[_at] != ':') return Fail("after object key");
                _at++;
                if (!Value()) return false;
                Space();
                if (IsAtEnd) return Fail("");
                if (_json[_at] == '}') return Close();
                if (_json[_at] != ',') return Fail("after object key:value pair");
                _at++;
            }
        }

        private bool Array()
        {
            if (++_depth > DepthMax) return Fail("exceeded max depth");
            _at++;
            Space();
            if (!IsAtEnd && _json[_at] == ']') return Close();
            while (true)
            {
                if (!Value()) return false;
                Space();
                if (IsAtEnd) return Fail("");
                if (_json[_at] == ']') return Close();
                if (_json[_at] != ',') return Fail("after array element");
                _at++;
            }
        }

        private bool Close()
        {
            _at++;
            _depth--;
            return true;
        }

        private bool String()
        {
            for (_at++; _at < _json.Length; _at++)
                switch (_json[_at])
                {
                    case (byte)'"':
                        _at++;
                        return true;
                    case (byte)'\\':
                        if (++_at >= _json.Length) return Fail("");
                        if (_json[_at] == 'u')
                        {
                            for (var digit = 0; digit < 4; digit++)
                                if (++_at >= _json.Length || !char.IsAsciiHexDigit((char)_json[_at])) return Fail("in \\u hexadecimal character escape");
                        }
                        else if ("\"\\/bfnrt".IndexOf((char)_json[_at]) < 0)
                        {
                            return Fail("in string escape code");
                        }
                        break;
                    case < 0x20:
                        return Fail("in string literal");
                }
            return Fail("");
        }

        private bool Literal(string word)
        {
            for (var i = 1; i < word.Length; i++)
                if (++_at >= _json.Length || _json[_at] != word[i]) return Fail($"in literal {word} (expecting '{word[i]}')");
            _at++;
            return true;
        }

        private bool Number()
        {
            if (_json[_at] == '-' && (++_at >= _json.Length || !char.IsAsciiDigit((char)_json[_at]))) return Fail("in numeric literal");
            if (_json[_at] == '0') _at++;
            else Digits();
            if (!IsAtEnd && _json[_at] == '.')
            {
                if (++_at >= _json.Length || !char.IsAsciiDigit((char)_json[_at])) return Fail("after decimal point in numeric literal");
                Digits();
            }
            if (!IsAtEnd && _json[_at] is (byte)'e' or (byte)'E')
            {
                _at++;
                if (!IsAtEnd && _json[_at] is (byte)'+' or (byte)'-') _at++;
                if (IsAtEnd || !char.IsAsciiDigit((char)_json[_at])) return Fail("in exponent of numeric literal");
                Digits();
            }
            return true;
        }

        private void Digits()
        {
            while (_at < _json.Length && char.IsAsciiDigit((char)_json[_at])) _at++;
        }

        private static string Show(byte character) => character switch
        {
            (byte)'\'' => "'\\''",
            (byte)'"' => "'\"'",
            (byte)'\\' => "'\\\\'",
            (byte)'\n' => "'\\n'",
            (byte)'\r' => "'\\r'",
            (byte)'\t' => "'\\t'",
            7 => "'\\a'",
            8 => "'\\b'",
            12 => "'\\f'",
            11 => "'\\v'",
            < 0x20 or 0x7f => $"'\\x{character.ToString("x2", CultureInfo.InvariantCulture)}'",
            // Go makes a rune of the byte: Latin-1, of which the first 32 and the soft hyphen are not printable.
            >= 0x80 and < 0xa0 => $"'\\u00{character.ToString("x2", CultureInfo.InvariantCulture)}'",
            0xa0 or 0xad => $"'\\u00{character.ToString("x2", CultureInfo.InvariantCulture)}'",
            _ => $"'{new Rune(character)}'",
        };
    }
}
