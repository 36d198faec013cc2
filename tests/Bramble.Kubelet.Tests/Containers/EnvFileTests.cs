using Bramble.Kubelet.Containers;

namespace Bramble.Kubelet.Tests.Containers;

public sealed class EnvFileTests
{
    [Theory]
    [InlineData("A='x'\n", "x")]
    [InlineData("# first\n\n  A='x' # why\nB='y'", "x")]
    [InlineData("B='y'\nA='x y=#'\r\n", "x y=#")]
    [InlineData("A='one\n  two\n'\n", "one\n  two\n")]
    [InlineData("B='one\nA='\nA='x'", "x")] // a line of another's value is none of its own
    [InlineData("B='y'", "-")]
    [InlineData("", "-")]
    [InlineData("A=''", "-")]
    [InlineData("A= 'x'", "-")] // as a shell reads it
    [InlineData("A='x'\nnonsense", "x")] // read as far as is needed
    [InlineData("nonsense\nA='x'", "invalid environment variable format at line 1: missing '='")]
    [InlineData("='x'", "invalid environment variable format at line 1: empty variable name")]
    [InlineData("\nA ='x'", "invalid environment variable format at line 2: whitespace before '=' is not allowed")]
    [InlineData("A=x", "invalid environment variable format at line 1: value must be enclosed in single quotes")]
    [InlineData("A=\"x\"", "invalid environment variable format at line 1: value must be enclosed in single quotes")]
    [InlineData("A='x\ny", "invalid environment variable format starting at line 1: unclosed single quote")]
    [InlineData("A='x'y", "invalid environment variable format at line 1: unexpected content after closing quote")]
    public void Finds(string text, string expected)
    {
        string shown;
        try
        {
            shown = EnvFile.Find(text, "A") ?? "-";
        }
        catch (ContainerConfigException e)
        {
            shown = e.Message;
        }
        Assert.Equal(expected, shown);
    }
}
