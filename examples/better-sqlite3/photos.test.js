// A database driver in C++. `.all()` keeps every row; each photo is a Buffer outside the JS heap.
const assert = require('node:assert/strict');
const Database = require('better-sqlite3');

const photoCount = 2000;
const photoBytes = 8192;
let database;

function totalSizeInJavaScript() {
  const photos = database.prepare('SELECT photo FROM photos').all();
  return photos.reduce((total, { photo }) => total + photo.length, 0);
}

function totalSizeInSql() {
  return database.prepare('SELECT sum(length(photo)) FROM photos').pluck().get();
}

describe('better-sqlite3', function () {
  before('a table of 2000 photos, 8 KB each', function () {
    database = new Database(':memory:');
    database.exec('CREATE TABLE photos (photo BLOB)');
    const insert = database.prepare('INSERT INTO photos VALUES (?)');
    for (let i = 0; i < photoCount; i++) insert.run(Buffer.alloc(photoBytes, i));
  });

  after(() => database.close());

  // Notice: it asks for one number, and holds every photo at the moment the query returns. The
  // report names the line of `.all()`, though the memory was allocated in C++.
  it('adds up the sizes in JavaScript, over its limit on purpose', function () {
    this.limitMemory('4 MB');
    assert.equal(totalSizeInJavaScript(), photoCount * photoBytes);
  });

  // Notice: the same answer, far under the same limit.
  it('adds up the sizes in SQL', function () {
    this.limitMemory('4 MB');
    assert.equal(totalSizeInSql(), photoCount * photoBytes);
  });
});
