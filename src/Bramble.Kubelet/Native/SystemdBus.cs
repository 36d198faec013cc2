using System.Runtime.InteropServices;
using Bramble.Kubelet.Cgroups;

namespace Bramble.Kubelet.Native;

/// <summary>systemd's manager over D-Bus by libsystemd (its functions without variable arguments). A connection a call: calls are rare, and an idle node holds none.</summary>
internal sealed partial class SystemdBus : ISystemd
{
    private const string Library = "libsystemd.so.0";
    private const string Destination = "org.freedesktop.systemd1";
    private const string ManagerPath = "/org/freedesktop/systemd1";
    private const string Manager = "org.freedesktop.systemd1.Manager";
    private const string UnitExists = "org.freedesktop.systemd1.UnitExists";
    private const string NoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

    private const ulong TimeoutMicroseconds = 30_000_000;

    /// <summary>"No limit" of a numeric property.</summary>
    private const ulong Infinity = ulong.MaxValue;

    public bool TryStartSlice(string slice, SliceLimits limits) => Call("StartTransientUnit", UnitExists, message =>
    {
        message.Text(slice);
        message.Text("replace");
        message.Open('a', "(sv)");
        message.Property("Description", "s", m => m.Text($"Bramble: pods of {slice}"));
        // Pods end when the node's agent or a shutdown ends them, not because a target that they want is stopped.
        message.Property("DefaultDependencies", "b", m => m.Switch(false));
        foreach (var accounting in (string[])["CPUAccounting", "MemoryAccounting", "IOAccounting", "TasksAccounting"])
            message.Property(accounting, "b", m => m.Switch(true));
        Limits(message, limits);
        message.Close();
        message.Open('a', "(sa(sv))");
        message.Close();
    });

    public void SetLimits(string slice, SliceLimits limits) => Call("SetUnitProperties", tolerated: null, message =>
    {
        message.Text(slice);
        // For this boot only: pods do not outlive it.
        message.Switch(true);
        message.Open('a', "(sv)");
        Limits(message, limits);
        message.Close();
    });

    public void Stop(string slice) => Call("StopUnit", NoSuchUnit, message =>
    {
        message.Text(slice);
        message.Text("replace");
    });

    private static void Limits(Message message, SliceLimits limits)
    {
        message.Property("CPUWeight", "t", m => m.Number(limits.CpuWeight));
        message.Property("CPUQuotaPerSecUSec", "t", m => m.Number(limits.CpuMicrosecondsPerSecond ?? Infinity));
        message.Property("MemoryMax", "t", m => m.Number(limits.MemoryBytes ?? Infinity));
    }

    /// <returns>False: systemd answered with the tolerated error.</returns>
    private static bool Call(string method, string? tolerated, Action<Message> fill)
    {
        var bus = Connect();
        var message = IntPtr.Zero;
        var error = default(BusError);
        try
        {
            Check(sd_bus_message_new_method_call(bus, out message, Destination, ManagerPath, Manager, method), method);
            fill(new Message(message));
            var result = sd_bus_call(bus, message, TimeoutMicroseconds, ref error, out var reply);
            if (result >= 0)
            {
                sd_bus_message_unref(reply);
                return true;
            }
            var name = Marshal.PtrToStringUTF8(error.Name);
            if (name is not null && name == tolerated) return false;
            throw new IOException($"systemd refused {method}: {Marshal.PtrToStringUTF8(error.Text) ?? Marshal.GetPInvokeErrorMessage(-result)}");
        }
        finally
        {
            sd_bus_error_free(ref error);
            if (message != IntPtr.Zero) sd_bus_message_unref(message);
            sd_bus_flush_close_unref(bus);
        }
    }

    /// <summary>The system bus; where there is none (a minimal image without dbus) systemd's own socket, which root may use.</summary>
    private static IntPtr Connect()
    {
        if (sd_bus_open_system(out var bus) is var failed and < 0)
        {
            Check(sd_bus_new(out bus), "a connection");
            if (sd_bus_set_address(bus, "unix:path=/run/systemd/private") < 0 || sd_bus_start(bus) < 0)
            {
                sd_bus_flush_close_unref(bus);
                throw new IOException($"systemd cannot be reached over the system bus: {Marshal.GetPInvokeErrorMessage(-failed)}");
            }
        }
        return bus;
    }

    private static void Check(int result, string what)
    {
        if (result < 0) throw new IOException($"systemd's bus, {what}: {Marshal.GetPInvokeErrorMessage(-result)}");
    }

    /// <summary>A call's arguments, appended one after the other.</summary>
    private readonly struct Message(IntPtr handle)
    {
        public void Text(string value)
        {
            var text = Marshal.StringToCoTaskMemUTF8(value);
            try
            {
                Check(sd_bus_message_append_basic(handle, (byte)'s', text), "a text");
            }
            finally
            {
                Marshal.FreeCoTaskMem(text);
            }
        }

        public unsafe void Switch(bool value)
        {
            var number = value ? 1 : 0;
            Check(sd_bus_message_append_basic(handle, (byte)'b', (IntPtr)(&number)), "a switch");
        }

        public unsafe void Number(ulong value) => Check(sd_bus_message_append_basic(handle, (byte)'t', (IntPtr)(&value)), "a number");

        public void Open(char type, string contents) => Check(sd_bus_message_open_container(handle, (byte)type, contents), contents);

        public void Close() => Check(sd_bus_message_close_container(handle), "an end");

        public void Property(string name, string type, Action<Message> value)
        {
            Open('r', "sv");
            Text(name);
            Open('v', type);
            value(this);
            Close();
            Close();
        }
    }

    /// <summary>sd_bus_error.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct BusError
    {
        public IntPtr Name;
        public IntPtr Text;
        public int NeedsFree;
    }

    [LibraryImport(Library)]
    private static partial int sd_bus_open_system(out IntPtr bus);

    [LibraryImport(Library)]
    private static partial int sd_bus_new(out IntPtr bus);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int sd_bus_set_address(IntPtr bus, string address);

    [LibraryImport(Library)]
    private static partial int sd_bus_start(IntPtr bus);

    [LibraryImport(Library)]
    private static partial IntPtr sd_bus_flush_close_unref(IntPtr bus);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int sd_bus_message_new_method_call(IntPtr bus, out IntPtr message, string destination, string path, string type, string member);

    [LibraryImport(Library)]
    private static partial int sd_bus_message_append_basic(IntPtr message, byte type, IntPtr value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int sd_bus_message_open_container(IntPtr message, byte type, string contents);

    [LibraryImport(Library)]
    private static partial int sd_bus_message_close_container(IntPtr message);

    [LibraryImport(Library)]
    private static partial int sd_bus_call(IntPtr bus, IntPtr message, ulong microseconds, ref BusError error, out IntPtr reply);

    [LibraryImport(Library)]
    private static partial void sd_bus_error_free(ref BusError error);

    [LibraryImport(Library)]
    private static partial IntPtr sd_bus_message_unref(IntPtr message);
}
