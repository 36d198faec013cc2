namespace Bramble.Api.Cel;

/// <summary>Says what is wrong with a text that is no CEL, in the words of ANTLR 4's parsers, which upstream's clients know: missing, extraneous, mismatched input, no viable alternative.
/// It walks CEL's grammar with ANTLR's default strategy: delete a token, insert a token, or give the rule up and read on where something can follow.</summary>
internal sealed class CelSyntaxCheck
{
    private const ulong Epsilon = 1UL << 63;
    private const int RecoveriesMax = 30;
    private const int RecoveryTokensMax = 256;
    private const int DepthMax = 250;

    private static readonly Lazy<CelGrammar> Grammar = new(() => new CelGrammar());

    private static readonly string[] Names =
    [
        "<EOF>", "'=='", "'!='", "'in'", "'<'", "'<='", "'>='", "'>'", "'&&'", "'||'", "'['", "']'", "'{'", "'}'", "'('", "')'", "'.'", "','", "'-'", "'!'", "'?'", "':'", "'+'", "'*'", "'/'", "'%'",
        "'true'", "'false'", "'null'", "WHITESPACE", "COMMENT", "NUM_FLOAT", "NUM_INT", "NUM_UINT", "STRING", "BYTES", "IDENTIFIER", "ESC_IDENTIFIER",
    ];

    private readonly CelSource _source;
    private readonly List<CelLexeme> _tokens;
    private int _at;
    private Call? _call;
    private GrammarNode _state = Grammar.Value.Start;
    private bool _isRecovering;
    private int _recoveries;
    private int _lastErrorAt = -1;
    private readonly HashSet<GrammarNode> _lastErrorStates = [];
    private int _depth;

    private CelSyntaxCheck(CelSource source, List<CelLexeme> tokens) => (_source, _tokens) = (source, tokens);

    /// <summary>A rule's call: the state it was called in and, for the rules of operators, its precedence.</summary>
    private sealed record Call(Call? Parent, GrammarNode From, int Precedence);

    /// <summary>Reports each syntax error once.</summary>
    public static void Report(CelSource source, List<CelLexeme> tokens)
    {
        var check = new CelSyntaxCheck(source, tokens);
        try
        {
            check.Run(Grammar.Value.Start, 0);
        }
        catch (StopException e)
        {
            if (e.Message.Length > 0) source.ReportWhole(e.Message);
        }
    }

    private CelToken Next => _tokens[_at].Kind;

    private void Consume()
    {
        if (Next != CelToken.End) _at++;
    }

    /// <summary>Goes through one rule from its first state.</summary>
    private void Run(GrammarNode first, int precedence)
    {
        if (++_depth > DepthMax * 10) throw new StopException($"expression recursion limit exceeded: {DepthMax}");
        var state = first;
        try
        {
            var comesBack = false;
            while (state.Kind != GrammarState.RuleStop)
            {
                _state = state;
                if (state.Kind == GrammarState.StarLoopBack)
                {
                    Synchronise();
                    comesBack = true;
                    state = state.Edges[0].Target;
                    continue;
                }
                var edge = state.Edges[0];
                if (state.Edges.Count > 1)
                {
                    if (!(comesBack && state.Kind == GrammarState.StarLoopEntry)) Synchronise();
                    edge = state.Edges[state.IsPlain ? Plain(state) : Predict(state, precedence)];
                }
                comesBack = false;
                if (edge.Tokens != 0) Match(edge);
                else if (edge.Rule is { } rule)
                {
                    _call = new Call(_call, state, edge.Precedence);
                    Run(rule, edge.Precedence);
                    _call = _call.Parent;
                }
                else if (edge.IsPredicate && edge.Precedence < precedence) break;
                state = edge.Target;
            }
        }
        catch (UnfitException e)
        {
            if (!_isRecovering)
            {
                _isRecovering = true;
                Report(e.At, e.Message);
            }
            Recover();
        }
        _depth--;
    }

    private void Report(int token, string message) => _source.Report(_tokens[token].Start, $"Syntax error: {message}");

    private void Match(GrammarEdge edge)
    {
        if ((edge.Tokens & Bit(Next)) != 0)
        {
            EndError();
            Consume();
            return;
        }
        CountRecovery();
        if (TryDelete())
        {
            Consume();
            return;
        }
        if ((Look(edge.Target, _call, hasContext: true) & Bit(Next)) == 0) throw Mismatch();
        if (_isRecovering) return;
        _isRecovering = true;
        Report(_at, $"missing {Show(Expected())} at {ShowToken()}");
    }

    private void EndError()
    {
        _isRecovering = false;
        _lastErrorAt = -1;
        _lastErrorStates.Clear();
    }

    private UnfitException Mismatch() => new(_at, $"mismatched input {ShowToken()} expecting {Show(Expected())}");

    /// <summary>Leaves out one token when the one behind it fits.</summary>
    private bool TryDelete()
    {
        var behind = _tokens[Math.Min(_at + 1, _tokens.Count - 1)].Kind;
        if ((Expected() & Bit(behind)) == 0) return false;
        ReportUnwanted();
        Consume();
        EndError();
        return true;
    }

    private void ReportUnwanted()
    {
        if (_isRecovering) return;
        _isRecovering = true;
        Report(_at, $"extraneous input {ShowToken()} expecting {Show(Expected())}");
    }

    /// <summary>At the start of an optional part or a loop: is the next token any that can come here?</summary>
    private void Synchronise()
    {
        if (_isRecovering) return;
        var possible = Look(_state, null, hasContext: false);
        if ((possible & (Epsilon | Bit(Next))) != 0) return;
        switch (_state.Kind)
        {
            case GrammarState.BlockStart or GrammarState.StarLoopEntry:
                if (!TryDelete()) throw Mismatch();
                break;
            case GrammarState.StarLoopBack or GrammarState.PlusLoopBack:
                ReportUnwanted();
                ConsumeUntil(Expected() | RecoverySet());
                break;
        }
    }

    private void Recover()
    {
        CountRecovery();
        // The same place in the same state again: go on by one token, or this would never end.
        if (_lastErrorAt == _at && _lastErrorStates.Contains(_state)) Consume();
        _lastErrorAt = _at;
        _lastErrorStates.Add(_state);
        ConsumeUntil(RecoverySet());
    }

    private void CountRecovery()
    {
        if (_recoveries++ < RecoveriesMax) return;
        Report(_at, $"error recovery attempt limit exceeded: {RecoveriesMax}");
        throw new StopException("");
    }

    private void ConsumeUntil(ulong set)
    {
        for (var i = 0; Next != CelToken.End && (set & Bit(Next)) == 0; i++)
        {
            if (i >= RecoveryTokensMax) throw new StopException($"error recovery token lookahead limit exceeded: {RecoveryTokensMax}");
            Consume();
        }
    }

    /// <summary>What can follow any of the rules that are under way.</summary>
    private ulong RecoverySet()
    {
        var set = 0UL;
        for (var call = _call; call is not null; call = call.Parent) set |= Look(call.From.Edges[0].Target, null, hasContext: false);
        return set & ~Epsilon;
    }

    private ulong Expected()
    {
        var following = Look(_state, null, hasContext: false);
        var expected = following & ~Epsilon;
        for (var call = _call; call is not null && (following & Epsilon) != 0; call = call.Parent)
        {
            following = Look(call.From.Edges[0].Target, null, hasContext: false);
            expected |= following & ~Epsilon;
        }
        return (following & Epsilon) != 0 ? expected | Bit(CelToken.End) : expected;
    }

    /// <summary>The tokens that can come at a state; <see cref="Epsilon"/>: or the rule ends (without context only).</summary>
    private static ulong Look(GrammarNode state, Call? context, bool hasContext)
    {
        var seen = new HashSet<(GrammarNode, Call?)>();
        return Walk(state, context);

        ulong Walk(GrammarNode node, Call? call)
        {
            if (!seen.Add((node, call))) return 0;
            if (node.Kind == GrammarState.RuleStop)
            {
                if (!hasContext) return Epsilon;
                return call is null ? Bit(CelToken.End) : Walk(call.From.Edges[0].Target, call.Parent);
            }
            var set = 0UL;
            foreach (var edge in node.Edges)
                if (edge.Tokens != 0) set |= edge.Tokens;
                else if (edge.Rule is { } rule) set |= Into(rule, edge.Target, call);
                else set |= Walk(edge.Target, call);
            return set;
        }

        ulong Into(GrammarNode rule, GrammarNode behind, Call? call)
        {
            var first = First(rule, []);
            return (first & Epsilon) == 0 ? first : (first & ~Epsilon) | Walk(behind, call);
        }

        static ulong First(GrammarNode node, HashSet<GrammarNode> seen)
        {
            if (!seen.Add(node)) return 0;
            if (node.Kind == GrammarState.RuleStop) return Epsilon;
            // No rule of this grammar may be empty: behind a rule's call nothing more is first.
            return node.Edges.Aggregate(0UL, (set, edge) => set | (edge.Tokens != 0 ? edge.Tokens : First(edge.Rule ?? edge.Target, seen)));
        }
    }

    private int Plain(GrammarNode state)
    {
        for (var i = 0; i < state.Edges.Count; i++)
            if ((Look(state.Edges[i].Target, null, hasContext: false) & Bit(Next)) != 0) return i;
        // An optional part or a loop is left; a choice without the next token is an error.
        return state.Kind != GrammarState.BlockStart || state.IsOptional ? state.Edges.Count - 1 : throw NoWay(_at, _at);
    }

    private UnfitException NoWay(int start, int stop)
    {
        var shown = _tokens[start].Kind == CelToken.End ? "<EOF>" : _source.Slice(_tokens[start].Start, _tokens[stop].End);
        // Upstream names a reserved word after a dot in its own way.
        return shown is ".true" or ".false" or ".null"
            ? new UnfitException(stop, $"mismatched input '{shown[1..]}' expecting IDENTIFIER")
            : new UnfitException(stop, $"no viable alternative at input {Quote(shown)}");
    }

    /// <summary>One way of going on. <c>Dips</c>: it left the rule in which the decision is.</summary>
    private readonly record struct Way(GrammarNode Node, int Alternative, Stack? Stack, bool Dips, bool IsKept);

    private sealed record Stack(GrammarNode Behind, Stack? Below);

    /// <summary>Tries all alternatives on, token by token, until only one is left; where several go equally far the first is taken.</summary>
    private int Predict(GrammarNode state, int precedence)
    {
        var ways = new HashSet<Way>();
        for (var i = 0; i < state.Edges.Count; i++) Close(new Way(state.Edges[i].Target, i, null, false, false), ways, state, precedence);
        if (state.IsPrecedence)
        {
            // Going round the loop here and leaving it to go round an outer call's loop are the same: this one does.
            var inner = ways.Where(w => w.Alternative == 0).Select(w => (w.Node, w.Stack)).ToHashSet();
            ways.RemoveWhere(w => w.Alternative != 0 && !w.IsKept && inner.Contains((w.Node, w.Stack)));
        }
        for (var at = _at; ; at++)
        {
            if (Only(ways) is { } only) return only;
            if (AreAlike(ways)) return ways.Min(w => w.Alternative);
            var token = _tokens[at].Kind;
            var next = new HashSet<Way>();
            foreach (var way in ways)
            {
                if (way.Node.Kind == GrammarState.RuleStop && token == CelToken.End) next.Add(way);
                foreach (var edge in way.Node.Edges)
                    if ((edge.Tokens & Bit(token)) != 0) Close(way with { Node = edge.Target }, next, null, 0);
            }
            if (next.Count == 0)
            {
                var left = ways.Where(w => w.Dips || w.Node.Kind == GrammarState.RuleStop && w.Stack is null).Select(w => w.Alternative).ToList();
                return left.Count > 0 ? left.Min() : throw NoWay(_at, at);
            }
            ways = next;
            if (token == CelToken.End) return ways.Min(w => w.Alternative);
        }
    }

    private static int? Only(HashSet<Way> ways)
    {
        int? only = null;
        foreach (var way in ways)
            if (only is null) only = way.Alternative;
            else if (only != way.Alternative) return null;
        return only;
    }

    /// <summary>Every place is reached by the same alternatives: no token will ever tell them apart.</summary>
    private static bool AreAlike(HashSet<Way> ways)
    {
        var places = ways.GroupBy(w => (w.Node, w.Stack)).Select(g => g.Aggregate(0UL, (set, w) => set | 1UL << w.Alternative)).Distinct().ToList();
        return places.Count == 1;
    }

    private static void Close(Way way, HashSet<Way> ways, GrammarNode? decision, int precedence)
    {
        if (!ways.Add(way)) return;
        if (way.Node.Kind == GrammarState.RuleStop)
        {
            if (way.Stack is { } stack) Close(way with { Node = stack.Behind, Stack = stack.Below }, ways, decision, precedence);
            else
                foreach (var (behind, least) in Grammar.Value.Callers(way.Node.Rule))
                    Close(way with { Node = behind, Dips = true, IsKept = way.IsKept || decision is not null && way.Node.Rule == decision.Rule && least == 0 }, ways, decision, precedence);
            return;
        }
        foreach (var edge in way.Node.Edges)
            if (edge.Tokens != 0) continue;
            else if (edge.Rule is { } rule) Close(way with { Node = rule, Stack = new Stack(edge.Target, way.Stack) }, ways, decision, precedence);
            else if (!edge.IsPredicate || decision is null || way.Dips || way.Stack is not null || edge.Precedence >= precedence) Close(way with { Node = edge.Target }, ways, decision, precedence);
    }

    private static ulong Bit(CelToken token) => 1UL << (int)token;

    private string ShowToken() => Quote(Next == CelToken.End ? "<EOF>" : _source.Slice(_tokens[_at].Start, _tokens[_at].End));

    private static string Quote(string text) =>
        $"'{text.Replace("\t", "\\t", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal)}'";

    private static string Show(ulong set)
    {
        var names = Enumerable.Range(0, Names.Length).Where(i => (set & 1UL << i) != 0).Select(i => Names[i]).ToList();
        return names.Count == 1 ? names[0] : $"{{{string.Join(", ", names)}}}";
    }

    /// <summary>The next tokens do not fit here: the rule is given up.</summary>
    private sealed class UnfitException(int at, string message) : Exception(message)
    {
        public int At => at;
    }

    private sealed class StopException(string message) : Exception(message);
}
