namespace Bramble.Kubectl.Tests;

public class ArgumentsTests
{
    private static readonly Flag[] Flags = [new("output", 'o'), Flag.Switch("watch", 'w'), Flag.Switch("all-namespaces", 'A'), new("dry-run", ValueIfBare: "client"), Flag.Switch("stdin", 'i'), Flag.Switch("tty", 't')];

    [Fact]
    public void Flags_are_read_in_every_form()
    {
        var arguments = Arguments.Parse("get", ["pods", "-oyaml", "-wA", "--namespace=x", "--dry-run", "a", "-it", "--", "sh", "-c"], Flags);
        Assert.Equal(["pods", "a"], arguments.Words);
        Assert.Equal("yaml", arguments.Text("output"));
        Assert.True(arguments.IsSet("watch") && arguments.IsSet("all-namespaces") && arguments.IsSet("stdin") && arguments.IsSet("tty"));
        Assert.Equal("x", arguments.Text("namespace"));
        Assert.Equal("client", arguments.Text("dry-run"));
        Assert.Equal(["sh", "-c"], arguments.AfterDashes!);
    }

    [Theory]
    [InlineData("--nope", "error: unknown flag: --nope\nSee 'kubectl get -h' for help and examples")]
    [InlineData("-z", "error: unknown shorthand flag: 'z' in -z\nSee 'kubectl get -h' for help and examples")]
    [InlineData("--output", "error: flag needs an argument: --output\nSee 'kubectl get -h' for help and examples")]
    public void A_wrong_flag_is_named(string word, string message) =>
        Assert.Equal(message, Assert.Throws<CommandFailure>(() => Arguments.Parse("get", [word], Flags)).Message);

    [Fact]
    public async Task A_missing_command_names_the_ordinary_kubectl()
    {
        var error = new StringWriter();
        Assert.Equal(1, await KubectlCommand.RunAsync(["drain", "node"], TextWriter.Null, error, CancellationToken.None));
        Assert.Contains("ordinary kubectl", error.ToString());
        error = new StringWriter();
        Assert.Equal(1, await KubectlCommand.RunAsync(["gett"], TextWriter.Null, error, CancellationToken.None));
        Assert.Equal("error: unknown command \"gett\" for \"kubectl\"\n\nDid you mean this?\n\tget\n", error.ToString());
    }
}
