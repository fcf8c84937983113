using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>
/// Reads one message, a CBOR map with integer keys. Keys from 0 up must be known; negative keys are hints and skipped when they are
/// not. Whatever is wrong becomes an exception from <see cref="Malformed"/>.
/// </summary>
internal readonly struct MessageReader
{
    private readonly CborReader cbor;
    private readonly string message;

    public MessageReader(CborReader cbor, string message, ReadOnlyMemory<byte> payload)
    {
        this.cbor = cbor;
        this.message = message;
        cbor.Reset(payload);
    }

    /// <summary>Lax, because the strict reader hashes every key; <see cref="ReadFields"/> finds the ones given twice by itself.</summary>
    public static CborReader NewCborReader() => new(ReadOnlyMemory<byte>.Empty, CborConformanceMode.Lax);

    /// <summary>Calls <paramref name="readField"/> with each key; it reads the value and returns true, or returns false for a key it does not know.</summary>
    /// <param name="state">Where the fields go.</param>
    /// <param name="readField">Reads one value into the state.</param>
    /// <param name="ignoreUnknown">True for the greeting only, where unknown keys are the future.</param>
    public void ReadMap<TState>(ref TState state, FieldReader<TState> readField, bool ignoreUnknown = false)
    {
        try
        {
            ReadFields(ref state, readField, ignoreUnknown);
            if (cbor.BytesRemaining != 0)
            {
                throw Malformed.TrailingBytes(message);
            }
        }
        catch (Exception e) when (e is CborContentException or InvalidOperationException or OverflowException or FormatException)
        {
            throw Malformed.NotCbor(message, e);
        }
    }

    public void ReadFields<TState>(ref TState state, FieldReader<TState> readField, bool ignoreUnknown)
    {
        cbor.ReadStartMap();
        var seen = new SeenKeys();
        while (cbor.PeekState() != CborReaderState.EndMap)
        {
            int key = cbor.ReadInt32();
            if (!seen.Add(key))
            {
                throw Malformed.RepeatedField(message, key);
            }
            if (readField(ref state, key, this))
            {
                continue;
            }
            if (key >= 0 && !ignoreUnknown)
            {
                throw Malformed.UnknownField(message, key);
            }
            cbor.SkipValue();
        }
        cbor.ReadEndMap();
    }

    public bool ReadBoolean() => cbor.ReadBoolean();

    /// <summary>An unsigned number of at most <paramref name="most"/>.</summary>
    public long ReadNumber(string tag, long most)
    {
        ulong value = cbor.ReadUInt64();
        return value <= (ulong)most ? (long)value : throw Malformed.OutOfRange(tag);
    }

    public long ReadSignedNumber() => cbor.ReadInt64();

    public string ReadText(string tag, int mostCharacters)
    {
        string text = cbor.ReadTextString();
        return text.Length <= mostCharacters ? text : throw Malformed.OutOfRange(tag);
    }

    public byte[] ReadBytes(string tag, int most)
    {
        byte[] bytes = cbor.ReadByteString();
        return bytes.Length <= most ? bytes : throw Malformed.OutOfRange(tag);
    }

    public List<T> ReadArray<T>(string tag, int most, Func<MessageReader, T> readItem)
    {
        var items = new List<T>();
        cbor.ReadStartArray();
        while (cbor.PeekState() != CborReaderState.EndArray)
        {
            if (items.Count == most)
            {
                throw Malformed.OutOfRange(tag);
            }
            items.Add(readItem(this));
        }
        cbor.ReadEndArray();
        return items;
    }
}

/// <summary>Reads the value of one key into <paramref name="state"/>; false when the key is not known.</summary>
internal delegate bool FieldReader<TState>(ref TState state, int key, MessageReader reader);

/// <summary>The keys of one map so far. Those in use are few and small: a bit each.</summary>
internal struct SeenKeys
{
    private const int MostSmall = 32;

    private ulong small;
    private HashSet<int>? others;

    /// <summary>False when the key was there before.</summary>
    public bool Add(int key)
    {
        if (key is < -MostSmall or >= MostSmall)
        {
            return (others ??= []).Add(key);
        }
        ulong bit = 1UL << (key + MostSmall);
        bool isNew = (small & bit) == 0;
        small |= bit;
        return isNew;
    }
}
