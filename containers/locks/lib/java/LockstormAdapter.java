import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The adapter protocol, for locks that are driven from Java (see ../../README.md). An adapter
 * extends this class for its lock and calls serve(). An exception leaves open what happened.
 */
public abstract class LockstormAdapter {
    public enum Answer { OK, BUSY, TIMEOUT, NOT_HELD, UNSUPPORTED }

    /** The lock's path on the mount. */
    protected static final Path PATH =
            Path.of(System.getenv().getOrDefault("LOCKSTORM_PATH", ""));

    /** Takes the lock. Without a timeout (null) it waits for ever; 0 does not wait. */
    protected abstract Answer acquire(Double timeout) throws Exception;

    protected abstract Answer release() throws Exception;

    protected Answer refresh(double lifetime) throws Exception {
        return Answer.UNSUPPORTED;
    }

    /** What the library says, never a look at the file system of our own. */
    protected abstract boolean isHeld() throws Exception;

    /** An option that is a number of seconds, in milliseconds. */
    protected static long milliseconds(String option, long standard) {
        String text = System.getenv("LOCKSTORM_OPTIONS");
        JsonElement value =
                text == null ? null : JsonParser.parseString(text).getAsJsonObject().get(option);
        return value == null ? standard : Math.round(value.getAsDouble() * 1000);
    }

    /** Says that the adapter is ready, then answers requests until quit or end of input. */
    protected final void serve(String library, String version) throws IOException {
        JsonObject ready = new JsonObject();
        ready.addProperty("library", library);
        ready.addProperty("version", version);
        say("ready", ready, new JsonObject());
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            JsonElement id = JsonNull.INSTANCE;
            JsonObject said = new JsonObject();
            boolean over = false;
            try {
                JsonObject request = JsonParser.parseString(line).getAsJsonObject();
                if (request.getAsJsonPrimitive("id") == null) {
                    throw new IllegalArgumentException("a request without a number");
                }
                id = request.get("id");
                over = request.get("op").getAsString().equals("quit");
                said.addProperty("answer", over ? "ok" : answer(request, said));
            } catch (Exception error) { // garbage is answered, not died of
                said.addProperty("answer", "error");
                said.addProperty("class", error.getClass().getSimpleName());
                said.addProperty("message", String.valueOf(error.getMessage()));
            }
            say("id", id, said);
            if (over) {
                return;
            }
        }
    }

    private String answer(JsonObject request, JsonObject said) throws Exception {
        switch (request.get("op").getAsString()) {
            case "acquire":
                JsonElement timeout = request.get("timeout");
                return word(acquire(timeout.isJsonNull() ? null : timeout.getAsDouble()));
            case "release":
                return word(release());
            case "refresh":
                return word(refresh(request.get("lifetime").getAsDouble()));
            case "is_held":
                said.addProperty("held", isHeld());
                return "ok";
            default:
                throw new IllegalArgumentException("unknown op " + request.get("op"));
        }
    }

    private static String word(Answer answer) {
        return answer.name().toLowerCase();
    }

    private static final PrintStream OUT =
            new PrintStream(System.out, false, StandardCharsets.UTF_8);

    private static void say(String key, JsonElement value, JsonObject message) {
        message.add(key, value);
        OUT.print(message + "\n");
        OUT.flush();
    }
}
