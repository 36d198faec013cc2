using Bramble.Configuration;
using Bramble.Flags;

namespace Bramble.Tests.Configuration;

public sealed class ConfigFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bramble-config-").FullName;

    private string Main => Path.Combine(_folder, "config.yaml");

    private void DropIn(string name, string text)
    {
        Directory.CreateDirectory(Main + ".d");
        File.WriteAllText(Path.Combine(Main + ".d", name), text);
    }

    [Fact]
    public void A_missing_file_says_nothing() => Assert.Empty(ConfigFile.Read(Main));

    [Fact]
    public void Scalars_and_lists_become_flags_in_the_order_of_the_file()
    {
        File.WriteAllText(Main, "write-kubeconfig-mode: \"0644\"\ntls-san:\n  - a.example\n  - 10.0.0.1\ndebug: true\n");
        Assert.Equal(["--write-kubeconfig-mode=0644", "--tls-san=a.example", "--tls-san=10.0.0.1", "--debug=true"], ConfigFile.Read(Main));
    }

    [Fact]
    public void A_later_file_replaces_a_key_and_a_plus_appends()
    {
        File.WriteAllText(Main, "node-label: [a=1]\ntls-san: one\ntoken: x\n");
        DropIn("10-more.yaml", "node-label+: [b=2]\ntls-san: [two]\n");
        DropIn("20-more.YML", "node-label+: c=3\n");
        DropIn("30-ignored.txt", "token: y\n");
        Assert.Equal(["--node-label=a=1", "--node-label=b=2", "--node-label=c=3", "--tls-san=two", "--token=x"], ConfigFile.Read(Main));
    }

    [Fact]
    public void An_empty_file_is_right() => AssertEmpty("", "# only a comment\n", "---\n");

    private void AssertEmpty(params string[] texts)
    {
        foreach (var text in texts)
        {
            File.WriteAllText(Main, text);
            Assert.Empty(ConfigFile.Read(Main));
        }
    }

    [Theory]
    [InlineData("token: {a: b}\n", "\"token\" must be a text, a number, true/false or a list of these.")]
    [InlineData("- a\n- b\n", "The file must be a YAML map of flag names without dashes.")]
    [InlineData("token: [a\n", "The file must be a YAML map of flag names without dashes.")]
    public void A_wrong_file_is_named_with_its_line(string text, string expected)
    {
        File.WriteAllText(Main, text);
        var error = Assert.Throws<UsageException>(() => ConfigFile.Read(Main));
        Assert.StartsWith($"{Main}, line ", error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void Unknown_keys_are_left_out_and_named()
    {
        var (words, unknown) = ConfigFile.Known(["--token=x", "--no-such=1", "-t=y"], ServerFlags.All);
        Assert.Equal(["--token=x", "-t=y"], words);
        Assert.Equal(["no-such"], unknown);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
