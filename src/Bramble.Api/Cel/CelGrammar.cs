namespace Bramble.Api.Cel;

/// <summary>The kinds of states that decide what the parser generator's error strategy does there.</summary>
internal enum GrammarState { Basic, RuleStop, BlockStart, StarLoopEntry, StarLoopBack, PlusLoopBack }

/// <summary>One state of the transition network of CEL's published grammar.</summary>
internal sealed class GrammarNode(int number, int rule, GrammarState kind)
{
    public int Number => number;
    public int Rule => rule;
    public GrammarState Kind => kind;
    public List<GrammarEdge> Edges { get; } = [];

    /// <summary>The way on is read off the next token alone; otherwise by trying the alternatives on.</summary>
    public bool IsPlain { get; set; }

    /// <summary>A choice that may choose nothing.</summary>
    public bool IsOptional { get; set; }

    /// <summary>The entry of an operator rule's loop, which precedence decides.</summary>
    public bool IsPrecedence { get; set; }
}

/// <param name="Tokens">Not zero: one of these is read.</param>
/// <param name="Rule">Not null: the first state of a rule that is gone through before <paramref name="Target"/>.</param>
/// <param name="Precedence">Of the rule's call, or the least that the rule's own call must have had (with <paramref name="IsPredicate"/>).</param>
internal sealed record GrammarEdge(GrammarNode Target, ulong Tokens = 0, GrammarNode? Rule = null, int Precedence = 0, bool IsPredicate = false);

/// <summary>CEL's grammar as published (CEL.g4), as the network of states that the parser generator makes of it. Built when a syntax error is first to be explained.</summary>
internal sealed class CelGrammar
{
    private static readonly string[] Rules =
    [
        "start", "expr", "conditionalOr", "conditionalAnd", "relation", "calc", "unary", "member", "primary", "exprList", "listInit", "fieldInitializerList", "optField", "mapInitializerList", "escapeIdent",
        "optExpr", "literal",
    ];

    private readonly List<GrammarNode> _nodes = [];
    private readonly GrammarNode[] _starts = new GrammarNode[Rules.Length];
    private readonly GrammarNode[] _stops = new GrammarNode[Rules.Length];
    private int _rule;

    public CelGrammar()
    {
        for (var i = 0; i < Rules.Length; i++) (_starts[i], _stops[i]) = (Node(i, GrammarState.Basic), Node(i, GrammarState.RuleStop));
        Define("start", Seq(Rule("expr"), Token(CelToken.End)));
        Define("expr", Seq(Rule("conditionalOr"), Optional(Seq(Token(CelToken.Question), Rule("conditionalOr"), Token(CelToken.Colon), Rule("expr")))));
        Define("conditionalOr", Seq(Rule("conditionalAnd"), Star(plain: true, Seq(Token(CelToken.Or), Rule("conditionalAnd")))));
        Define("conditionalAnd", Seq(Rule("relation"), Star(plain: true, Seq(Token(CelToken.And), Rule("relation")))));
        Define("relation", Seq(Rule("calc"), Star(plain: false, Seq(
            Least(1), Token(CelToken.Equal, CelToken.NotEqual, CelToken.In, CelToken.Less, CelToken.LessEqual, CelToken.GreaterEqual, CelToken.Greater), Rule("relation", 2)))));
        Define("calc", Seq(Rule("unary"), Star(plain: false,
            Seq(Least(2), Token(CelToken.Star, CelToken.Slash, CelToken.Percent), Rule("calc", 3)),
            Seq(Least(1), Token(CelToken.Minus, CelToken.Plus), Rule("calc", 2)))));
        Define("unary", Block(plain: false, Rule("member"), Seq(Plus(true, Token(CelToken.Not)), Rule("member")), Seq(Plus(false, Token(CelToken.Minus)), Rule("member"))));
        Define("member", Seq(Rule("primary"), Star(plain: false,
            Seq(Least(3), Token(CelToken.Dot), Optional(Token(CelToken.Question)), Rule("escapeIdent")),
            Seq(Least(2), Token(CelToken.Dot), Token(CelToken.Identifier), Token(CelToken.LeftParenthesis), Optional(Rule("exprList")), Token(CelToken.RightParenthesis)),
            Seq(Least(1), Token(CelToken.LeftBracket), Optional(Token(CelToken.Question)), Rule("expr"), Token(CelToken.RightBracket)))));
        Define("primary", Block(plain: false,
            Seq(Optional(Token(CelToken.Dot)), Token(CelToken.Identifier)),
            Seq(Optional(Token(CelToken.Dot)), Token(CelToken.Identifier), Token(CelToken.LeftParenthesis), Optional(Rule("exprList")), Token(CelToken.RightParenthesis)),
            Seq(Token(CelToken.LeftParenthesis), Rule("expr"), Token(CelToken.RightParenthesis)),
            Seq(Token(CelToken.LeftBracket), Optional(Rule("listInit")), Optional(Token(CelToken.Comma)), Token(CelToken.RightBracket)),
            Seq(Token(CelToken.LeftBrace), Optional(Rule("mapInitializerList")), Optional(Token(CelToken.Comma)), Token(CelToken.RightBrace)),
            Seq(Optional(Token(CelToken.Dot)), Token(CelToken.Identifier), Star(plain: true, Seq(Token(CelToken.Dot), Token(CelToken.Identifier))), Token(CelToken.LeftBrace),
                Optional(Rule("fieldInitializerList")), Optional(Token(CelToken.Comma)), Token(CelToken.RightBrace)),
            Rule("literal")));
        Define("exprList", Seq(Rule("expr"), Star(plain: true, Seq(Token(CelToken.Comma), Rule("expr")))));
        Define("listInit", Seq(Rule("optExpr"), Star(plain: false, Seq(Token(CelToken.Comma), Rule("optExpr")))));
        Define("fieldInitializerList", Seq(
            Rule("optField"), Token(CelToken.Colon), Rule("expr"), Star(plain: false, Seq(Token(CelToken.Comma), Rule("optField"), Token(CelToken.Colon), Rule("expr")))));
        Define("optField", Seq(Optional(Token(CelToken.Question)), Rule("escapeIdent")));
        Define("mapInitializerList", Seq(
            Rule("optExpr"), Token(CelToken.Colon), Rule("expr"), Star(plain: false, Seq(Token(CelToken.Comma), Rule("optExpr"), Token(CelToken.Colon), Rule("expr")))));
        Define("escapeIdent", Block(plain: true, Token(CelToken.Identifier), Token(CelToken.EscapedIdentifier)));
        Define("optExpr", Seq(Optional(Token(CelToken.Question)), Rule("expr")));
        Define("literal", Block(plain: false,
            Seq(Optional(Token(CelToken.Minus)), Token(CelToken.Int)), Token(CelToken.Uint), Seq(Optional(Token(CelToken.Minus)), Token(CelToken.Float)),
            Token(CelToken.String), Token(CelToken.Bytes), Token(CelToken.True), Token(CelToken.False), Token(CelToken.Null)));
    }

    public GrammarNode Start => _starts[0];

    /// <summary>Every place that calls the rule: the state behind the call, and the call's precedence.</summary>
    public IEnumerable<(GrammarNode Behind, int Precedence)> Callers(int rule) =>
        from node in _nodes from edge in node.Edges where edge.Rule == _starts[rule] select (edge.Target, edge.Precedence);

    public GrammarNode StopOf(int rule) => _stops[rule];

    // A piece of the grammar adds states behind one and says where it ends; the states belong to the rule that is being defined.
    private delegate GrammarNode Piece(GrammarNode from);

    private void Define(string rule, Piece body)
    {
        _rule = Array.IndexOf(Rules, rule);
        Link(body(_starts[_rule]), _stops[_rule]);
    }

    private GrammarNode Node(int rule, GrammarState kind)
    {
        var node = new GrammarNode(_nodes.Count, rule, kind);
        _nodes.Add(node);
        return node;
    }

    private GrammarNode Node(GrammarState kind = GrammarState.Basic) => Node(_rule, kind);

    private static void Link(GrammarNode from, GrammarNode to) => from.Edges.Add(new GrammarEdge(to));

    private GrammarNode Next(GrammarNode from, Func<GrammarNode, GrammarEdge> edge)
    {
        // A state of its own: what the error strategy asks of a state must not mix with what came before.
        var (own, to) = (Node(), Node());
        Link(from, own);
        own.Edges.Add(edge(to));
        return to;
    }

    private static Piece Seq(params Piece[] pieces) => from => pieces.Aggregate(from, (at, piece) => piece(at));

    private Piece Token(params CelToken[] tokens) => from => Next(from, to => new GrammarEdge(to, tokens.Aggregate(0UL, (set, token) => set | 1UL << (int)token)));

    private Piece Rule(string rule, int precedence = 0) => from => Next(from, to => new GrammarEdge(to, Rule: _starts[Array.IndexOf(Rules, rule)], Precedence: precedence));

    private Piece Least(int precedence) => from => Next(from, to => new GrammarEdge(to, Precedence: precedence, IsPredicate: true));

    private Piece Block(bool plain, params Piece[] alternatives) => Block(plain, optional: false, alternatives);

    private Piece Block(bool plain, bool optional, Piece[] alternatives) => from =>
    {
        var (start, end) = (Node(GrammarState.BlockStart), Node());
        (start.IsPlain, start.IsOptional) = (plain, optional);
        Link(from, start);
        foreach (var alternative in alternatives) Alternative(start, alternative, end);
        return end;
    };

    private void Alternative(GrammarNode start, Piece alternative, GrammarNode end)
    {
        var first = Node();
        Link(start, first);
        Link(alternative(first), end);
    }

    private Piece Optional(Piece piece) => Block(plain: true, optional: true, [piece, from => from]);

    private Piece Star(bool plain, params Piece[] alternatives) => from =>
    {
        var (entry, block, blockEnd, back, end) = (Node(GrammarState.StarLoopEntry), Node(GrammarState.BlockStart), Node(), Node(GrammarState.StarLoopBack), Node());
        (entry.IsPlain, entry.IsPrecedence) = (plain, Rules[_rule] is "relation" or "calc" or "member");
        Link(from, entry);
        Link(entry, block);
        Link(entry, end);
        foreach (var alternative in alternatives) Alternative(block, alternative, blockEnd);
        Link(blockEnd, back);
        Link(back, entry);
        return end;
    };

    private Piece Plus(bool plain, Piece piece) => from =>
    {
        var (block, blockEnd, back, end) = (Node(GrammarState.BlockStart), Node(), Node(GrammarState.PlusLoopBack), Node());
        back.IsPlain = plain;
        Link(from, block);
        Alternative(block, piece, blockEnd);
        Link(blockEnd, back);
        Link(back, block);
        Link(back, end);
        return end;
    };
}
