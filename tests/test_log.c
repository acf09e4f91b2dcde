// Section log: rows in memory, CSV that reads back bit by bit and goes on after a stop, TensorBoard's files
// read by a decoder of our own, the sheet of images.
#if !defined(TEST_NO_STB) && defined(__has_include)
#if __has_include(<stb/stb_image_write.h>)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#endif
#endif
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"
#include "picture.h"
#ifndef _WIN32
#include <sys/stat.h>
#include <sys/types.h>
#endif

static gan_context *ctx;
static unsigned char file[1 << 20];
static size_t size;

static int get_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size = f ? fread(file, 1, sizeof file - 1, f) : 0;
    file[size] = 0;
    if (f) fclose(f);
    return f != NULL;
}

static gan_logger *logger(const char *columns, const char *csv, const char *tensorboard, const char *sheet,
                          int64_t resume)
{
    gan_logger_desc d;
    memset(&d, 0, sizeof d);
    d.columns = columns, d.csv = csv, d.tensorboard = tensorboard, d.sheet = sheet, d.resume = resume;
    return gan_logger_create(ctx, &d);
}

static double odd(int i, int k) // numbers that are hard to write
{
    uint64_t u;
    double v;
    (void)i, (void)k;
    u = test_random();
    memcpy(&v, &u, sizeof v);
    return gan__base_is_finite_double(v) ? v : 1. / 3;
}

static void test_csv(void)
{
    TEST ("a row is in the file as soon as it is given, and reads back bit by bit") {
        const char *path = test_path("log.csv");
        gan_logger *log = logger("a,b,c", path, NULL, NULL, 0);
        double v[50][3];
        char *at;
        int i, k, wrong = 0;
        CHECK(log != NULL, "%s", gan_error_message(ctx));
        for (i = 0; i < 50; ++i) {
            for (k = 0; k < 3; ++k) v[i][k] = odd(i, k);
            CHECK(gan_logger_row_n(log, 10 * i, 3, v[i]) == GAN_OK, "%s", gan_error_message(ctx));
            get_file(path);
            for (k = 0, at = (char *)file; *at; ++at) k += *at == '\n';
            CHECK(k == i + 2, "%d lines after row %d", k, i);
        }
        CHECK(!strncmp((char *)file, "step,a,b,c\n", 11), "%.20s", file);
        for (at = (char *)file + 11, i = 0; i < 50; ++i) {
            wrong += strtol(at, &at, 10) != 10 * i;
            for (k = 0; k < 3; ++k) {
                const double got = strtod(at + 1, &at);
                wrong += memcmp(&got, &v[i][k], sizeof got) != 0;
            }
            wrong += *at++ != '\n';
        }
        CHECK(wrong == 0 && *at == 0, "%d numbers changed", wrong);
        CHECK(gan_logger_rows(log) == 50 && gan_logger_columns(log) == 4, "%d rows", gan_logger_rows(log));
        CHECK(gan_logger_value(log, 7, 2) == v[7][1] && gan_logger_value(log, 7, 0) == 70, "%g",
              gan_logger_value(log, 7, 2));
    }
    TEST_MUST_FAIL ("a digit that is lost is another number") {
        char text[] = "0.3333333333333333";
        text[strlen(text) - 2] = 0;
        CHECK(strtod(text, NULL) == 1. / 3, "%s", text);
    }
    TEST ("floats, NaN, infinity and negative steps; a column's series by its name") {
        const char *path = test_path("log2.csv");
        gan_logger *log = logger("x,y", path, NULL, NULL, 0);
        gan_series s;
        float x = .1f;
        CHECK(gan_logger_row(log, -5, x, HUGE_VAL) == GAN_OK, "%s", gan_error_message(ctx));
        CHECK(gan_logger_row(log, 6, gan__text_from_bits(UINT64_C(0x7ff8) << 48), -HUGE_VAL) == GAN_OK, "%s",
              gan_error_message(ctx));
        get_file(path);
        CHECK(!strcmp((char *)file, "step,x,y\n-5,0.10000000149011612,inf\n6,nan,-inf\n"), "%s", file);
        s = gan_logger_series(log, "y");
        CHECK(s.n == 2 && s.y[s.stride] == -HUGE_VAL && s.x[s.stride] == 6 && !strcmp(s.name, "y"), "%d",
              s.n);
        s = gan_logger_series(log, "z");
        CHECK(s.n == 0 && s.y == NULL, "%d", s.n);
        CHECK(!strcmp(gan_logger_name(log, 0), "step") && gan_logger_name(log, 3) == NULL, "%s", "names");
        CHECK(gan__base_is_nan(gan_logger_value(log, 2, 0)) && gan__base_is_nan(gan_logger_value(log, 0, -1)),
              "%s", "outside");
    }
    TEST ("a log without files keeps rows; without columns steps") {
        gan_logger *log = logger(NULL, NULL, NULL, NULL, 0);
        int i;
        for (i = 0; i < 1000; ++i) gan_logger_row_n(log, i, 0, NULL);
        CHECK(gan_logger_rows(log) == 1000 && gan_logger_value(log, 999, 0) == 999, "%d",
              gan_logger_rows(log));
    }
}

static void test_resume(void)
{
    TEST ("resuming at a step keeps the rows up to it, byte by byte, and forgets the later ones") {
        const char *path = test_path("resume.csv");
        static char whole[1 << 16];
        gan_logger *log = logger("a,b", path, NULL, NULL, 0);
        double v[30][2];
        int i;
        for (i = 0; i < 30; ++i) {
            v[i][0] = odd(i, 0), v[i][1] = i % 5 ? odd(i, 1) : HUGE_VAL;
            gan_logger_row_n(log, i + 1, 2, v[i]);
        }
        get_file(path);
        memcpy(whole, file, size + 1);
        log = logger("a,b", path, NULL, NULL, 17);
        CHECK(gan_logger_rows(log) == 17, "%d rows: %s", gan_logger_rows(log), gan_error_message(ctx));
        for (i = 0; i < 17; ++i)
            CHECK(gan_logger_value(log, i, 0) == i + 1 && gan_logger_value(log, i, 1) == v[i][0] &&
                      gan_logger_value(log, i, 2) == v[i][1],
                  "row %d: %.17g for %.17g", i, gan_logger_value(log, i, 1), v[i][0]);
        for (i = 17; i < 30; ++i) gan_logger_row_n(log, i + 1, 2, v[i]);
        get_file(path);
        CHECK(!strcmp(whole, (char *)file), "%s", "the file of the resumed run differs");
    }
    TEST ("a row cut short by a crash ends what is read; no file is an empty one") {
        const char *path = test_path("cut.csv");
        FILE *f = fopen(path, "wb");
        gan_logger *log;
        if (!f) TEST_SKIP("no file can be written");
        fputs("step,a\n1,2\n2,3\n3,4.5", f);
        fclose(f);
        log = logger("a", path, NULL, NULL, 100);
        CHECK(gan_logger_rows(log) == 2, "%d rows", gan_logger_rows(log));
        get_file(path);
        CHECK(!strcmp((char *)file, "step,a\n1,2\n2,3\n"), "%s", file);
        remove(test_path("none.csv"));
        log = logger("a", test_path("none.csv"), NULL, NULL, 5);
        CHECK(log && gan_logger_rows(log) == 0, "%s", gan_error_message(ctx));
    }
    TEST ("a file with other columns is refused and left alone") {
        const char *path = test_path("other.csv");
        FILE *f = fopen(path, "wb");
        if (!f) TEST_SKIP("no file can be written");
        fputs("step,b\n1,2\n", f);
        fclose(f);
        CHECK(logger("a", path, NULL, NULL, 5) == NULL && gan_error(ctx) == GAN_ERROR_FORMAT, "%d",
              gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "other columns");
        gan_error_clear(ctx);
        get_file(path);
        CHECK(!strcmp((char *)file, "step,b\n1,2\n"), "%s", file);
    }
}

// TensorBoard's format, read on our own: CRC-32C by a table made here, varints, messages as fields.

static uint32_t crc_table[256];

static uint32_t crc32c(const unsigned char *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    int i, k;
    if (!crc_table[1])
        for (i = 0; i < 256; ++i) {
            uint32_t r = (uint32_t)i;
            for (k = 0; k < 8; ++k) r = r & 1 ? (r >> 1) ^ 0x82F63B78u : r >> 1;
            crc_table[i] = r;
        }
    while (n--) c = crc_table[(c ^ *p++) & 255] ^ (c >> 8);
    return c ^ 0xffffffffu;
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

typedef struct field {
    int number, type;
    uint64_t value;             // of types 0, 1, 5
    const unsigned char *bytes; // of type 2
    size_t n;
} field;

// The next field of a message; 0 at its end, -1 when it is broken.
static int read_field(const unsigned char **p, const unsigned char *end, field *f)
{
    uint64_t v[2] = {0, 0};
    int k, shift;
    if (*p == end) return 0;
    for (k = 0; k < 2; ++k) {
        for (shift = 0; *p < end; shift += 7) {
            v[k] |= (uint64_t)(**p & 127) << shift;
            if (*(*p)++ < 128) break;
        }
        f->number = (int)(v[0] >> 3), f->type = (int)(v[0] & 7);
        if (f->type == 1 || f->type == 5) break;
    }
    f->value = v[1];
    f->n = f->type == 2 ? (size_t)v[1] : f->type == 1 ? 8 : f->type == 5 ? 4 : 0;
    if (f->n > (size_t)(end - *p)) return -1;
    f->bytes = *p;
    if (f->type == 1 || f->type == 5) f->value = little(*p, (int)f->n);
    *p += f->n;
    return 1;
}

typedef struct event {
    double wall;
    int64_t step;
    char version[32], tag[8][32];
    float value[8];
    int values, images, width, height, png, status; // status: of a SessionLog
} event;

static int read_value(const unsigned char *p, const unsigned char *end, event *e)
{
    field f, g;
    int more;
    while ((more = read_field(&p, end, &f)) > 0) {
        if (f.number == 1 && f.n < 32 && e->values < 8) memcpy(e->tag[e->values], f.bytes, f.n);
        if (f.number == 2 && f.type == 5) {
            const uint32_t bits = (uint32_t)f.value;
            memcpy(&e->value[e->values], &bits, 4);
        }
        if (f.number == 4) {
            const unsigned char *q = f.bytes;
            ++e->images;
            while (read_field(&q, f.bytes + f.n, &g) > 0) {
                if (g.number == 1) e->height = (int)g.value;
                if (g.number == 2) e->width = (int)g.value;
                if (g.number == 4)
                    e->png = g.n > 24 && !memcmp(g.bytes, "\x89PNG\r\n\x1a\n", 8) &&
                             (g.bytes[18] << 8 | g.bytes[19]) == e->width &&
                             (g.bytes[22] << 8 | g.bytes[23]) == e->height;
            }
        }
    }
    ++e->values;
    return more;
}

static int read_event(const unsigned char *p, size_t n, event *e)
{
    const unsigned char *end = p + n, *q;
    field f, g;
    int more;
    memset(e, 0, sizeof *e);
    e->step = -1;
    while ((more = read_field(&p, end, &f)) > 0) {
        if (f.number == 1 && f.type == 1) memcpy(&e->wall, &f.value, 8);
        if (f.number == 2) e->step = (int64_t)f.value;
        if (f.number == 3 && f.n < 32) memcpy(e->version, f.bytes, f.n);
        if (f.number == 7)
            for (q = f.bytes; read_field(&q, f.bytes + f.n, &g) > 0;)
                if (g.number == 1 && g.type == 0) e->status = (int)g.value;
        if (f.number == 5)
            for (q = f.bytes; read_field(&q, f.bytes + f.n, &g) > 0;)
                if (g.number == 1 && read_value(g.bytes, g.bytes + g.n, e)) return -1;
    }
    return more;
}

// The records of the file that was got; -1 when a length, a checksum or a message is wrong.
static int read_events(event *e, int most)
{
    size_t at = 0;
    int n = 0;
    while (at < size) {
        uint64_t length;
        uint32_t c;
        int k;
        if (size - at < 16) return -1;
        length = little(file + at, 8);
        if (length > size - at - 16) return -1;
        for (k = 0; k < 2; ++k) {
            const unsigned char *p = file + at + (k ? 12 : 0);
            c = crc32c(p, k ? (size_t)length : 8);
            c = ((c >> 15) | (c << 17)) + 0xa282ead8u;
            if (little(p + (k ? length : 8), 4) != c) return -1;
        }
        if (n == most || read_event(file + at + 12, (size_t)length, &e[n])) return -1;
        ++n;
        at += 16 + (size_t)length;
    }
    return n;
}

static event events[64];

static void test_tensorboard(void)
{
    TEST ("CRC-32C of known strings (RFC 3720, B.4, and 1 to 9)") {
        unsigned char b[32];
        int i;
        memset(b, 0, 32);
        CHECK(gan__log_crc32c(b, 32) == 0x8a9136aau, "%08x", gan__log_crc32c(b, 32));
        memset(b, 0xff, 32);
        CHECK(gan__log_crc32c(b, 32) == 0x62a8ab43u, "%08x", gan__log_crc32c(b, 32));
        for (i = 0; i < 32; ++i) b[i] = (unsigned char)i;
        CHECK(gan__log_crc32c(b, 32) == 0x46dd794eu, "%08x", gan__log_crc32c(b, 32));
        for (i = 0; i < 32; ++i) b[i] = (unsigned char)(31 - i);
        CHECK(gan__log_crc32c(b, 32) == 0x113fdb5cu, "%08x", gan__log_crc32c(b, 32));
        CHECK(gan__log_crc32c((const unsigned char *)"123456789", 9) == 0xe3069283u &&
                  gan__log_crc32c(b, 0) == 0,
              "%08x", gan__log_crc32c((const unsigned char *)"123456789", 9));
    }
    TEST ("an event file: version, then scalars and images by step, every checksum right") {
        gan_logger *log;
        const char *folder = test_path("events");
        int n, i;
#ifndef _WIN32
        mkdir(folder, 0777);
#endif
        log = logger("loss/d,g", NULL, folder, NULL, 0);
        if (!log) {
            gan_error_clear(ctx);
            TEST_SKIP("the folder cannot be written to");
        }
        remove(log->events); // of an earlier run in this very second
        log = logger("loss/d,g", NULL, folder, NULL, 0);
        for (i = 0; i < 5; ++i) gan_logger_row(log, (int64_t)i << 33, .5 * i, i == 3 ? 1e300 : -.1);
        CHECK(gan_logger_images(log, 7, gan_rand_normal(ctx, 3, 1, 9, 11)) == GAN_OK, "%s",
              gan_error_message(ctx));
        gan_logger_row(log, -2, 1., gan__text_from_bits(UINT64_C(0x7ff8) << 48));
        CHECK_TEXT(log->events, "events/events.out.tfevents.");
        get_file(log->events);
        n = read_events(events, 64);
#ifdef INCLUDE_STB_IMAGE_WRITE_H
        CHECK(n == 8, "%d records", n);
        CHECK(events[6].images == 1 && events[6].png && events[6].step == 7 &&
                  !strcmp(events[6].tag[0], "samples"),
              "%d images of %d x %d, png %d, step %d, \"%s\"", events[6].images, events[6].width,
              events[6].height, events[6].png, (int)events[6].step, events[6].tag[0]);
#else
        CHECK(n == 7, "%d records", n);
#endif
        if (n < 7) continue;
        CHECK(!strcmp(events[0].version, "brain.Event:2") && events[0].step == 0, "\"%s\"",
              events[0].version);
        for (i = 1; i < 6; ++i) {
            const event *e = &events[i];
            CHECK(e->step == (int64_t)(i - 1) << 33 && e->values == 2, "record %d: step %d", i, (int)e->step);
            CHECK(!strcmp(e->tag[0], "loss/d") && !strcmp(e->tag[1], "g"), "%s, %s", e->tag[0], e->tag[1]);
            CHECK(e->value[0] == (float)(.5 * (i - 1)) &&
                      (i == 4 ? e->value[1] > FLT_MAX : e->value[1] == -.1f),
                  "%g, %g", (double)e->value[0], (double)e->value[1]);
            CHECK(e->wall > 1.6e9 && e->wall < 1e11, "wall time %g", e->wall);
        }
        CHECK(events[n - 1].step == -2 && events[n - 1].values == 2, "step %d", (int)events[n - 1].step);
    }
    TEST_MUST_FAIL ("a flipped bit in an event file is noticed") {
        size_t at = size / 2;
        CHECK(size > 100, "%d", (int)size);
        file[at] ^= 4;
        CHECK(read_events(events, 64) > 0, "%s", "broken");
    }
    TEST ("a folder that does not exist is an error that names it") {
        CHECK(logger("a", NULL, test_path("no/such"), NULL, 0) == NULL && gan_error(ctx) == GAN_ERROR_FILE,
              "%d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "no/such");
        gan_error_clear(ctx);
    }
}

// What TensorBoard shows of files read one after another: a START drops the points from its step on
// (event_accumulator.py). Without that, everything.
typedef struct board {
    int64_t step[128];
    float value[128];
    int n, starts;
} board;

static void board_read(board *b, const char *path, int starts_count)
{
    int i, k, kept, n;
    get_file(path);
    n = read_events(events, 64);
    CHECK(n > 0 && !strcmp(events[0].version, "brain.Event:2"), "%s: %d records", path, n);
    for (i = 0; i < n; ++i) {
        const event *e = &events[i];
        if (e->status == 1 && ++b->starts && starts_count) {
            for (k = kept = 0; k < b->n; ++k)
                if (b->step[k] < e->step) b->step[kept] = b->step[k], b->value[kept++] = b->value[k];
            b->n = kept;
        }
        if (e->values && b->n < 128) b->step[b->n] = e->step, b->value[b->n++] = e->value[0];
    }
}

// A run of 20 steps that stopped twice, resumed at 12 and at 17; the value says which part logged it.
static board board_of_resumed_run(int starts_count)
{
    static const int resume[] = {0, 12, 17}, last[] = {16, 20, 20};
    const char *folder = test_path("events_resumed"), *paths[3];
    char all[3][600];
    board b;
    int part, i, n = 0;
    memset(&b, 0, sizeof b);
#ifndef _WIN32
    mkdir(folder, 0777);
#endif
    for (part = 0; part < 3; ++part) {
        gan_logger *log = logger("a", test_path("events_resumed/a.csv"), folder, NULL, resume[part]);
        if (log && part == 0) { // without a file of an earlier process in this very second
            remove(log->events);
            log = logger("a", test_path("events_resumed/a.csv"), folder, NULL, 0);
        }
        CHECK(log != NULL, "%s", gan_error_message(ctx));
        if (!log) return b;
        if (!n || strcmp(paths[n - 1], log->events)) { // parts of the same second share a file
            snprintf(all[n], sizeof all[n], "%s", log->events);
            paths[n] = all[n];
            ++n;
        }
        for (i = resume[part] + 1; i <= last[part]; ++i) gan_logger_row(log, i, part + i / 64.);
        if (part < 2) continue;
        CHECK(gan_logger_rows(log) == 20, "%d rows", gan_logger_rows(log));
        for (i = 0; i < gan_logger_rows(log); ++i)
            CHECK(gan_logger_value(log, i, 0) == i + 1 && gan_logger_value(log, i, 1) == (i < 12   ? 0
                                                                                          : i < 17 ? 1
                                                                                                   : 2) +
                                                                                             (i + 1) / 64.,
                  "row %d: %g", i, gan_logger_value(log, i, 1));
    }
    for (i = 0; i < n; ++i) board_read(&b, paths[i], starts_count);
    for (i = 0; i < n; ++i) remove(paths[i]);
    return b;
}

static void check_board(const board *b)
{
    int i;
    CHECK(b->n == 20, "%d points", b->n);
    for (i = 0; i < b->n; ++i)
        CHECK(b->step[i] == i + 1 && b->value[i] == (float)(i < 12   ? 0
                                                            : i < 17 ? 1
                                                                     : 2) +
                                                        (float)(i + 1) / 64,
              "point %d: step %d, %g", i, (int)b->step[i], (double)b->value[i]);
}

static void test_resumed_events(void)
{
    TEST ("a resumed log's events begin with a START behind the step: TensorBoard shows the CSV's rows") {
        const board b = board_of_resumed_run(1);
        CHECK(b.starts == 2, "%d", b.starts);
        check_board(&b);
    }
    TEST_MUST_FAIL ("without the START steps are there twice") {
        const board b = board_of_resumed_run(0);
        check_board(&b);
    }
    TEST ("after the largest step nothing is to be dropped") {
        gan_logger *log = logger("a", NULL, test_path("events_resumed"), NULL, INT64_MAX);
        int n;
        CHECK(log != NULL, "%s", gan_error_message(ctx));
        if (!log) continue;
        get_file(log->events);
        n = read_events(events, 64);
        CHECK(n == 1 && !events[0].status && events[0].step == 0, "%d records", n);
        remove(log->events);
    }
}

static void test_sheet(void)
{
    TEST ("the sheet grows by a row each, with its step, and never beyond 25 rows; first and latest stay") {
        const char *path = test_path("progress.ppm");
        gan_logger *log = logger(NULL, NULL, NULL, path, 0);
        gan_tensor *x = gan_zeros(ctx, 20, 3, 8, 8);
        picture p;
        int step, rows = 0, w = 0, h = 0;
        char text[16];
        for (step = 1; step <= 200; ++step) {
            gan_real *v = gan_data(x);
            size_t i;
            for (i = 0; i < gan_numel(x); ++i) v[i] = (gan_real)(step / 127.5 - 1);
            CHECK(gan_logger_images(log, step, x) == GAN_OK, "%s", gan_error_message(ctx));
            rows = log->c_shown;
            if (step <= 24) CHECK(rows == step, "%d rows after %d", rows, step);
            CHECK(rows <= 25, "%d rows", rows);
        }
        get_file(path);
        CHECK(sscanf((char *)file, "P6 %d %d", &w, &h) == 2 && w == 72 + 16 * 50 && h == rows * 50, "%d x %d",
              w, h);
        p.rgb = log->c.rgb, p.w = log->c.w, p.h = log->c_row * log->c_shown;
        CHECK((pixel(&p, 80, 5) & 255) == 1 && (pixel(&p, 80, p.h - 5) & 255) == 200, "%06X to %06X",
              pixel(&p, 80, 5), pixel(&p, 80, p.h - 5));
        snprintf(text, sizeof text, "%d", 200);
        CHECK(find_text(&p, text, 1, GAN_BLACK, 0, NULL, NULL) &&
                  find_text(&p, "1", 1, GAN_BLACK, 0, NULL, NULL),
              "%s", "steps are missing");
        CHECK(gan_logger_images(log, 1, gan_zeros(ctx, 20, 3, 8, 9)) == GAN_ERROR_SHAPE, "%s",
              gan_error_message(ctx));
        gan_error_clear(ctx);
    }
}

static void test_errors(void)
{
    static const char *const wrong[] = {"a,a", "a,,b", "step", "a,\"b\"", "a,", ","};
    TEST ("NULL everywhere leads to errors, not crashes") {
        gan_logger_desc d;
        gan_series s = gan_logger_series(NULL, "a");
        memset(&d, 0, sizeof d);
        CHECK(gan_logger_create(NULL, &d) == NULL, "%s", "no context");
        CHECK(gan_logger_create(ctx, NULL) == NULL && gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d",
              gan_error(ctx));
        gan_error_clear(ctx);
        CHECK(gan_logger_row(NULL, 1, 2.) && gan_logger_row_n(NULL, 1, 0, NULL) &&
                  gan_logger_images(NULL, 1, NULL),
              "%s", "a NULL log is no error");
        CHECK(!gan_logger_rows(NULL) && !gan_logger_columns(NULL) && !gan_logger_name(NULL, 0) && s.n == 0,
              "%s", "of NULL");
        CHECK(gan__base_is_nan(gan_logger_value(NULL, 0, 0)), "%s", "of NULL");
        CHECK(gan_logger_row_n(logger("a", NULL, NULL, NULL, 0), 1, 1, NULL) == GAN_ERROR_ARGUMENT, "%d",
              gan_error(ctx));
        gan_error_clear(ctx);
        CHECK(gan_logger_row(logger("a,b", NULL, NULL, NULL, 0), 1, 2.) == GAN_ERROR_ARGUMENT, "%s",
              "a row of one value in a log of two columns");
        CHECK_TEXT(gan_error_message(ctx), "1 values for a log of 2 columns");
        gan_error_clear(ctx);
        CHECK(gan_logger_images(logger("a", NULL, NULL, NULL, 0), 1, NULL) == GAN_ERROR_ARGUMENT, "%d",
              gan_error(ctx));
        gan_error_clear(ctx);
        CHECK(gan_logger_images(logger("a", NULL, NULL, NULL, 0), 1, gan_zeros(ctx, 3, 3)) == GAN_ERROR_SHAPE,
              "%d", gan_error(ctx));
        gan_error_clear(ctx);
        CHECK(gan_logger_series(logger("a", NULL, NULL, NULL, 0), NULL).n == 0, "%s", "no name");
    }
    TEST ("names that are empty, there twice or quoted are refused") {
        size_t i;
        for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
            CHECK(logger(wrong[i], NULL, NULL, NULL, 0) == NULL && gan_error(ctx) == GAN_ERROR_NAME,
                  "\"%s\": %d", wrong[i], gan_error(ctx));
            gan_error_clear(ctx);
        }
    }
    TEST ("files that cannot be written are errors that name them, and rows stay in memory") {
        gan_logger *log;
        CHECK(logger("a", test_path("nowhere/x.csv"), NULL, NULL, 0) == NULL &&
                  gan_error(ctx) == GAN_ERROR_FILE,
              "%d", gan_error(ctx));
        gan_error_clear(ctx);
        log = logger("a", test_path("gone.csv"), NULL, NULL, 0);
        log->csv = test_path("nowhere/y.csv");
        CHECK(gan_logger_row(log, 1, 2.) == GAN_ERROR_FILE && gan_logger_rows(log) == 1, "%d",
              gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "nowhere/y.csv");
        gan_error_clear(ctx);
    }
    TEST ("where memory runs out there is an error and no crash, at every size") {
        static double block[200000];
        size_t bytes;
        int good = 0, bad = 0;
        for (bytes = 6000; bytes < sizeof block; bytes += 9973) {
            gan_desc desc;
            gan_logger_desc d;
            gan_context *tight;
            gan_logger *log;
            int i, code = 0;
            memset(&desc, 0, sizeof desc);
            memset(&d, 0, sizeof d);
            desc.memory = block, desc.memory_size = bytes;
            tight = gan_create(&desc);
            if (!tight) continue;
            d.columns = "a,b", d.csv = test_path("tight.csv"), d.tensorboard = test_path("events");
            d.sheet = test_path("tight.ppm");
            log = gan_logger_create(tight, &d);
            for (i = 0; i < 300 && log && !code; ++i)
                code = i % 100 ? gan_logger_row(log, i, 1., 2.)
                               : gan_logger_images(log, i, gan_zeros(tight, 1, 1, 4, 4));
            if (gan_error(tight) == GAN_ERROR_MEMORY) ++bad;
            else good += gan_error(tight) == GAN_OK;
            CHECK(gan_error(tight) == GAN_OK || gan_error(tight) == GAN_ERROR_MEMORY, "%s",
                  gan_error_message(tight));
            if (log) remove(log->events);
            gan_destroy(tight);
        }
        CHECK(good > 5 && bad > 5, "%d went well, %d ran out", good, bad);
    }
    TEST ("rows in memory that was reserved make no heap call") {
        gan_logger_desc d;
        gan_logger *log;
        uint64_t calls;
        int i;
        memset(&d, 0, sizeof d);
        d.columns = "a,b", d.rows = 5000;
        log = gan_logger_create(ctx, &d);
        calls = gan_memory(ctx).heap_calls;
        for (i = 0; i < 5000; ++i) gan_logger_row(log, i, 1., 2.);
        CHECK(gan_memory(ctx).heap_calls == calls, "%d calls", (int)(gan_memory(ctx).heap_calls - calls));
    }
}

int main(void)
{
    ctx = gan_create(NULL);
    test_csv();
    test_resume();
    test_tensorboard();
    test_resumed_events();
    test_sheet();
    test_errors();
    gan_destroy(ctx);
    return test_done();
}
