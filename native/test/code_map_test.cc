#include "call_stack/code_map.h"

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using Kind = Code::Kind;

std::unique_ptr<Code> MakeCode(uint64_t id, uint32_t size_bytes,
                               Kind kind = Kind::kBytecode, int script_id = 0,
                               std::string name = "") {
  return std::make_unique<Code>(
      Code{id, kind, size_bytes, script_id, std::move(name), PositionTable()});
}

/// @return the id of the code that an address lies in, 0 for none.
uint64_t IdAt(const CodeMap& map, uintptr_t address) {
  const Code* code = map.Find(address).code;
  return code ? code->id : 0;
}

PositionTable MakePositions(
    std::initializer_list<std::pair<uint32_t, uint32_t>> entries) {
  PositionTable table;
  for (const auto& [offset, position] : entries) table.Add(offset, position);
  return table;
}

TEST("PositionTable: the last entry at or before an offset") {
  const PositionTable table =
      MakePositions({{4, 100}, {9, 40}, {9, 41}, {300, 7000}});
  EXPECT_EQUAL(table.Find(0), -1);
  EXPECT_EQUAL(table.Find(3), -1);
  EXPECT_EQUAL(table.Find(4), 100);
  EXPECT_EQUAL(table.Find(8), 100);
  EXPECT_EQUAL(table.Find(9), 41);
  EXPECT_EQUAL(table.Find(299), 41);
  EXPECT_EQUAL(table.Find(300), 7000);
  EXPECT_EQUAL(table.Find(0xFFFFFFFF), 7000);
}

TEST("PositionTable: empty") {
  EXPECT(PositionTable().IsEmpty());
  EXPECT_EQUAL(PositionTable().Find(0), -1);
  EXPECT(!MakePositions({{0, 0}}).IsEmpty());
  EXPECT_EQUAL(MakePositions({{0, 0}}).Find(0), 0);
}

TEST("PositionTable: a position that is not known") {
  const PositionTable table =
      MakePositions({{1, 7}, {2, PositionTable::kUnknown}, {3, 9}});
  EXPECT_EQUAL(table.Find(1), 7);
  EXPECT_EQUAL(table.Find(2), -1);
  EXPECT_EQUAL(table.Find(3), 9);
}

TEST("PositionTable: positions go far back and forth") {
  const PositionTable table =
      MakePositions({{1, 0x7FFFFFFF}, {2, 0}, {200000, 0x7FFFFFFF}});
  EXPECT_EQUAL(table.Find(1), 0x7FFFFFFF);
  EXPECT_EQUAL(table.Find(2), 0);
  EXPECT_EQUAL(table.Find(199999), 0);
  EXPECT_EQUAL(table.Find(200000), 0x7FFFFFFF);
}

using Places = std::vector<std::pair<uint64_t, int64_t>>;

/// @return the ids of the functions, and the positions in them.
Places PlacesAt(const Code& code, uint32_t offset) {
  Places places;
  for (const auto& [function, position] : code.FindPlaces(offset))
    places.emplace_back(function->id, position);
  return places;
}

TEST("Code: without inlined calls all offsets are its own function's") {
  const auto code = MakeCode(1, 0x40);
  code->positions = MakePositions({{4, 100}});
  EXPECT(PlacesAt(*code, 0) == (Places{{1, -1}}));
  EXPECT(PlacesAt(*code, 4) == (Places{{1, 100}}));
}

TEST("Code: an offset of inlined functions has their callers, too") {
  const auto code = MakeCode(1, 0x40);
  code->positions = MakePositions({{4, 100}, {8, 200}, {12, 300}, {16, 101}});
  code->inlined = std::make_unique<InlinedCalls>(InlinedCalls{
      MakePositions({{8, 1}, {12, 2}, {16, 0}}),
      {{MakeCode(2, 8), false, 110, 0}, {MakeCode(3, 8), false, 210, 1}}});
  EXPECT(PlacesAt(*code, 4) == (Places{{1, 100}}));
  EXPECT(PlacesAt(*code, 8) == (Places{{1, 110}, {2, 200}}));
  EXPECT(PlacesAt(*code, 13) == (Places{{1, 110}, {2, 210}, {3, 300}}));
  EXPECT(PlacesAt(*code, 16) == (Places{{1, 101}}));
}

TEST("Code: a function may be inlined in itself, and one not be known") {
  const auto code = MakeCode(1, 0x40);
  code->positions = MakePositions({{4, 100}, {8, 200}});
  code->inlined = std::make_unique<InlinedCalls>(
      InlinedCalls{MakePositions({{4, 1}, {8, 2}}),
                   {{nullptr, true, 90, 0}, {nullptr, false, 210, 1}}});
  EXPECT(PlacesAt(*code, 4) == (Places{{1, 90}, {1, 100}}));
  EXPECT(PlacesAt(*code, 8) == (Places{{1, 90}, {1, 210}}));
}

TEST("Code: of an inlined call that V8 has not kept only the caller is known") {
  const auto code = MakeCode(1, 0x40);
  code->positions = MakePositions({{4, 100}});
  code->inlined =
      std::make_unique<InlinedCalls>(InlinedCalls{MakePositions({{4, 1}}), {}});
  EXPECT(PlacesAt(*code, 4) == (Places{{1, -1}}));
}

TEST("CodeMap: finds code from its first byte to its last") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x10));
  map.Add(0x1010, MakeCode(2, 0x10));
  EXPECT_EQUAL(IdAt(map, 0xFFF), 0u);
  EXPECT_EQUAL(IdAt(map, 0x1000), 1u);
  EXPECT_EQUAL(IdAt(map, 0x100F), 1u);
  EXPECT_EQUAL(IdAt(map, 0x1010), 2u);
  EXPECT_EQUAL(map.Find(0x101F).offset, 0xFu);
  EXPECT_EQUAL(IdAt(map, 0x1020), 0u);
}

TEST("CodeMap: nothing known changes when code comes to a free place") {
  CodeMap map;
  const uint64_t version = map.version();
  map.Add(0x1000, MakeCode(1, 0x10));
  map.Add(0x1010, MakeCode(2, 0x10));
  map.Add(0xFF0, MakeCode(3, 0x10));
  EXPECT_EQUAL(map.version(), version);
}

TEST("CodeMap: new code takes the place of all that it overlaps") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x20));
  map.Add(0x1020, MakeCode(2, 0x20));
  map.Add(0x1040, MakeCode(3, 0x20));
  const uint64_t version = map.version();
  map.Add(0x1010, MakeCode(4, 0x20));
  EXPECT(map.version() != version);
  EXPECT_EQUAL(IdAt(map, 0x1000), 0u);
  EXPECT_EQUAL(IdAt(map, 0x1010), 4u);
  EXPECT_EQUAL(IdAt(map, 0x102F), 4u);
  EXPECT_EQUAL(IdAt(map, 0x1030), 0u);
  EXPECT_EQUAL(IdAt(map, 0x1040), 3u);
}

TEST("CodeMap: an address used again is the new code's") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x40));
  const uint64_t version = map.version();
  map.Add(0x1000, MakeCode(2, 0x10));
  EXPECT(map.version() != version);
  EXPECT_EQUAL(IdAt(map, 0x1000), 2u);
  EXPECT_EQUAL(IdAt(map, 0x1020), 0u);
}

TEST("CodeMap: code moves, to a free place and over other code") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x20));
  map.Add(0x2000, MakeCode(2, 0x20));
  uint64_t version = map.version();
  map.Move(0x1000, 0x3000);
  EXPECT(map.version() != version);
  EXPECT_EQUAL(IdAt(map, 0x1000), 0u);
  EXPECT_EQUAL(IdAt(map, 0x301F), 1u);
  version = map.version();
  map.Move(0x3000, 0x2010);
  EXPECT(map.version() != version);
  EXPECT_EQUAL(IdAt(map, 0x2000), 0u);
  EXPECT_EQUAL(IdAt(map, 0x2010), 1u);
}

TEST("CodeMap: code moves over a part of where it was") {
  CodeMap map;
  map.Add(0x1010, MakeCode(1, 0x40));
  map.Move(0x1010, 0x1000);
  EXPECT_EQUAL(IdAt(map, 0x1000), 1u);
  EXPECT_EQUAL(IdAt(map, 0x103F), 1u);
  EXPECT_EQUAL(IdAt(map, 0x1040), 0u);
}

TEST("CodeMap: what is not known neither moves nor goes") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x20));
  const uint64_t version = map.version();
  map.Move(0x1010, 0x3000);
  map.Remove(0x1010);
  EXPECT_EQUAL(map.version(), version);
  EXPECT_EQUAL(IdAt(map, 0x1010), 1u);
  EXPECT_EQUAL(IdAt(map, 0x3000), 0u);
}

TEST("CodeMap: removed code is gone") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x20));
  const uint64_t version = map.version();
  map.Remove(0x1000);
  EXPECT(map.version() != version);
  EXPECT_EQUAL(IdAt(map, 0x1000), 0u);
}

TEST("CodeMap: positions come just before their code, and go with it") {
  CodeMap map;
  map.SetPositions(0x1000, MakePositions({{0, 7}}));
  map.Add(0x2000, MakeCode(1, 0x20));
  map.Add(0x1000, MakeCode(2, 0x20));
  EXPECT(map.Find(0x2000).code->positions.IsEmpty());
  EXPECT_EQUAL(map.Find(0x1000).code->positions.Find(0), 7);
  map.Move(0x1000, 0x3000);
  EXPECT_EQUAL(map.Find(0x3000).code->positions.Find(0), 7);
  // The next code at the first place has none.
  map.Add(0x1000, MakeCode(3, 0x20));
  EXPECT(map.Find(0x1000).code->positions.IsEmpty());
}

TEST("CodeMap: machine code has positions only where the bytecode has") {
  CodeMap map;
  const auto add = [&map](uintptr_t address, Kind kind, int script,
                          std::string name, bool with_positions) {
    if (with_positions) map.SetPositions(address, MakePositions({{0, 7}}));
    map.Add(address, MakeCode(address, 0x20, kind, script, std::move(name)));
    return !map.Find(address).code->positions.IsEmpty();
  };
  // Bytecode from before V8 was listened to.
  EXPECT(!add(0x1000, Kind::kBytecode, 1, "JS:~early /a.js:1:10", false));
  EXPECT(!add(0x2000, Kind::kMachineCode, 1, "JS:*early /a.js:1:10", true));
  // Bytecode with positions: the tier mark in the name differs, the place does
  // not.
  EXPECT(add(0x3000, Kind::kBytecode, 1, "JS:~late /a.js:5:10", true));
  EXPECT(add(0x4000, Kind::kMachineCode, 1, "JS:*late /a.js:5:10", true));
  // The same place in another script is another function.
  EXPECT(!add(0x5000, Kind::kMachineCode, 2, "JS:*late /b.js:5:10", true));
  // Code without a script is V8's own, and keeps what it has.
  EXPECT(add(0x6000, Kind::kMachineCode, 0, "Builtin:ArrayMap", true));
}

TEST("CodeMap: inlined functions have positions where their bytecode has") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x20, Kind::kBytecode, 1, "JS:~early /a.js:1:1"));
  map.SetPositions(0x2000, MakePositions({{0, 7}}));
  map.Add(0x2000, MakeCode(2, 0x20, Kind::kBytecode, 1, "JS:~late /a.js:5:1"));
  const auto add = [&map](uintptr_t address, std::string name,
                          uintptr_t inlined) {
    map.SetPositions(address, MakePositions({{0, 70}}));
    auto code = MakeCode(address, 0x20, Kind::kMachineCode, 1, std::move(name));
    code->inlined = std::make_unique<InlinedCalls>(InlinedCalls{
        MakePositions({{0, 1}}), {{map.Share(inlined), false, 80, 0}}});
    map.Add(address, std::move(code));
    return PlacesAt(*map.Find(address).code, 0);
  };
  EXPECT(add(0x3000, "JS:*late /a.js:5:1", 0x1000) ==
         (Places{{0x3000, 80}, {1, -1}}));
  EXPECT(add(0x4000, "JS:*early /a.js:1:1", 0x2000) ==
         (Places{{0x4000, -1}, {2, 70}}));
}

TEST("CodeMap: an inlined function's code stays known when it is gone") {
  CodeMap map;
  map.Add(0x1000, MakeCode(1, 0x20));
  const std::shared_ptr<const Code> code = map.Share(0x1000);
  EXPECT_EQUAL(code->id, 1u);
  EXPECT(!map.Share(0x1001));
  map.Remove(0x1000);
  EXPECT(!map.Share(0x1000));
  EXPECT_EQUAL(code->id, 1u);
}

TEST("CodeMap: where a call returned to whose code is discarded") {
  const LazyExits exits{100, 4, {20, 60}};
  EXPECT_EQUAL(exits.FindReturn(20), 20u);
  EXPECT_EQUAL(exits.FindReturn(100), 20u);
  EXPECT_EQUAL(exits.FindReturn(104), 60u);
  EXPECT_EQUAL(exits.FindReturn(102), 102u);
  EXPECT_EQUAL(exits.FindReturn(108), 108u);
  EXPECT_EQUAL(LazyExits().FindReturn(0), 0u);
}

TEST("CodeMap: scripts by id, the first description stays") {
  CodeMap map;
  EXPECT(!map.HasScript(7));
  map.AddScript(7, {"/a.js", true});
  map.AddScript(7, {"/b.js", false});
  EXPECT(map.HasScript(7));
  EXPECT_EQUAL(map.GetScript(7).name, "/a.js");
  EXPECT(map.GetScript(7).has_source_map);
}

}  // namespace
}  // namespace memray_mocha::test
