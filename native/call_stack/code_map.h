#ifndef NATIVE_CALL_STACK_CODE_MAP_H_
#define NATIVE_CALL_STACK_CODE_MAP_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace memray_mocha {

/// Which script position each part of a code object came from: (code offset,
/// position) pairs in the order of the offsets. Kept as deltas, for there is
/// one for nearly every bytecode of a program.
class PositionTable {
 public:
  static constexpr uint32_t kUnknown = 0xFFFFFFFF;

  /// @param position kUnknown when it is not known.
  void Add(uint32_t offset, uint32_t position);
  /// @return the position of the last entry at or before `offset`; -1 when
  /// there is none.
  int64_t Find(uint32_t offset) const;
  bool IsEmpty() const { return deltas_.empty(); }

  /// Reads the table from its beginning; while the table lives.
  class Reader {
   public:
    explicit Reader(const PositionTable& table) : rest_(table.deltas_) {}

    /// Goes on to the next entry, if there is one at or before `offset`.
    bool Advance(uint32_t offset);
    /// Goes on to the next entry, if there is one.
    bool Advance() { return Advance(std::numeric_limits<uint32_t>::max()); }
    /// Of the entry it is at.
    uint32_t offset() const { return next_offset_; }
    /// Of the entry it is at; -1 when it is not known, and before the first
    /// one.
    int64_t position() const { return position_; }

   private:
    std::span<const uint8_t> rest_;
    uint32_t next_offset_ = 0;
    bool has_next_offset_ = false;
    uint32_t last_position_ = 0;
    int64_t position_ = -1;
  };

 private:
  void Put(uint32_t value);

  std::vector<uint8_t> deltas_;
  uint32_t last_offset_ = 0;
  uint32_t last_position_ = 0;
};

struct Code;

/// What TurboFan, V8's optimizing compiler, has inlined into code.
struct InlinedCalls {
  struct Call {
    /// The bytecode of the function that is called; nullptr when it is not
    /// known.
    std::shared_ptr<const Code> function;
    /// The code's own function calls itself: there is no other.
    bool is_recursion;
    /// Where the call is, in its caller's script; -1 when it is not known.
    int64_t position;
    /// The inlined call that it is in itself: one more than its index; 0 when
    /// it is in the code's own function.
    uint32_t caller;
  };

  /// Which inlined call each part of the code is of, numbered like callers.
  PositionTable by_offset;
  std::vector<Call> calls;
};

/// Where TurboFan's code is left when V8 discards it while a call in it is
/// under way: at the end of the code there is an instruction for each such
/// call, to which V8 has the call return then, and which is on the stack in its
/// place.
struct LazyExits {
  // In the code.
  uint32_t begin = 0;
  uint32_t bytes_each = 0;
  /// Where the calls return to else.
  std::vector<uint32_t> returns;

  /// @param offset where a call returns to.
  /// @return where it did before V8 discarded the code.
  uint32_t FindReturn(uint32_t offset) const;
};

/// A piece of machine code or bytecode that V8 made.
struct Code {
  enum class Kind : uint8_t {
    kBytecode,
    /// Of Sparkplug, V8's baseline compiler.
    kSparkplugCode,
    /// The interpreter's own, of which there may be a copy for each function
    /// (--interpreted-frames-native-stack).
    kInterpreterCode,
    kMachineCode,
    kWebAssembly,
  };

  /// Counts up from 1 over all code of the process; never given twice.
  uint64_t id;
  Kind kind;
  uint32_t size_bytes;
  /// V8's id of the script, 0 when there is none.
  int script_id;
  /// V8's name of it, as `JS:*parseRow /app/catalogue.js:41:18`.
  std::string name;
  PositionTable positions;
  /// nullptr when there are none.
  std::unique_ptr<const InlinedCalls> inlined = nullptr;
  LazyExits lazy_exits = {};
  /// Whether positions in its own function are not to be told: see
  /// CodeMap::KeepToBytecode.
  bool hides_positions = false;

  /// A function and a position in its script, -1 when it is not known.
  struct Place {
    const Code* function;
    int64_t position;
  };

  /// @return what an offset belongs to: this code's own function, and then
  /// those that are inlined there, each called by the one before.
  std::vector<Place> FindPlaces(uint32_t offset) const;
};

struct ScriptInfo {
  std::string name;  // a path or URL
  bool has_source_map;
};

/// The code objects of one isolate by address, as of now, and its scripts.
class CodeMap {
 public:
  struct Location {
    const Code* code;
    uint32_t offset;
  };

  /// Tells code maps apart: that of an ended worker's isolate and the next
  /// one's may have one address. Counts up from 1; never given twice.
  uint64_t id() const { return id_; }

  void Add(uintptr_t address, std::unique_ptr<Code> code);
  void Move(uintptr_t from, uintptr_t to);
  void Remove(uintptr_t address);
  /// For the table of a code object that is about to be added.
  void SetPositions(uintptr_t address, PositionTable positions);
  /// @return that table; empty when there is none.
  const PositionTable& GetPositions(uintptr_t address) const;

  /// @return the code object that `address` lies in; its code is nullptr when
  /// none is known.
  Location Find(uintptr_t address) const;
  /// @return the code object that begins at `address`, which lives on while
  /// it is held; nullptr when none is known.
  std::shared_ptr<const Code> Share(uintptr_t address) const;

  void AddScript(int id, ScriptInfo script) {
    scripts_.emplace(id, std::move(script));
  }
  /// For a script that the program is done with.
  void ForgetScript(int id);
  bool HasScript(int id) const { return scripts_.contains(id); }
  /// @return without a name when it is forgotten.
  const ScriptInfo& GetScript(int id) const;

  /// Changes whenever an address may have come to mean something else than it
  /// did. May be read while another thread changes the map.
  uint64_t version() const { return version_; }

 private:
  static uint64_t NextId();
  void RemoveRange(uintptr_t begin, uintptr_t end);
  void KeepToBytecode(Code* code);

  const uint64_t id_ = NextId();
  std::map<uintptr_t, std::shared_ptr<Code>> codes_;
  std::map<uintptr_t, PositionTable> next_positions_;
  std::map<int, ScriptInfo> scripts_;
  // The functions whose bytecode has positions: script, and where they begin in
  // it.
  std::set<std::pair<int, std::string>> functions_with_positions_;
  std::atomic<uint64_t> version_{1};
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_CODE_MAP_H_
