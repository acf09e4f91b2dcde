// The tables of operations, layers, blocks, objectives and measures: no name stands twice in one of them, and
// each identifier is its name in capitals. That a row has a test is held where the table is walked.
#define GAN__TABLES
#include "../gan.h"

#include "test.h"

#include <ctype.h>

typedef struct row {
    const char *id, *name;
} row;

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ROW2(id, name) {#id, #name},
#define ROW3(id, name, backward) {#id, #name},
static const row operations[] = {GAN__OPERATIONS(ROW3)};
static const row layers[] = {GAN__LAYERS(ROW2)};
static const row blocks[] = {GAN__BLOCKS(ROW2)};
static const row objectives[] = {GAN__OBJECTIVES(ROW2)};
static const row metrics[] = {GAN__METRICS(ROW2)};

static void well_made(const row *rows, size_t n)
{
    size_t i, k;
    for (i = 0; i < n; ++i) {
        for (k = 0; k < i; ++k) CHECK(strcmp(rows[i].name, rows[k].name), "%s stands twice", rows[i].name);
        CHECK(strlen(rows[i].id) == strlen(rows[i].name), "%s is called %s", rows[i].id, rows[i].name);
        for (k = 0; rows[i].name[k]; ++k)
            if (toupper((unsigned char)rows[i].name[k]) != rows[i].id[k]) break;
        CHECK(!rows[i].name[k], "%s is called %s", rows[i].id, rows[i].name);
    }
}

int main(void)
{
    static const row twice[] = {{"ADD", "add"}, {"SUB", "sub"}, {"ADD", "add"}}, other[] = {{"ADD", "sub"}};
    TEST ("operations") well_made(operations, COUNT(operations));
    TEST ("layers") well_made(layers, COUNT(layers));
    TEST ("blocks") well_made(blocks, COUNT(blocks));
    TEST ("objectives") well_made(objectives, COUNT(objectives));
    TEST ("measures") well_made(metrics, COUNT(metrics));
    TEST_MUST_FAIL ("a name that stands twice is caught") well_made(twice, COUNT(twice));
    TEST_MUST_FAIL ("an identifier of another name is caught") well_made(other, COUNT(other));
    return test_done();
}
